"""Duty: who works where and when; routing, urging, handover, call-outs, second parties, leads to the police."""
