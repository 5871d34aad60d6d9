"""Handsets and centre through faults in virtual time: the shipped state machines, one seed for each history."""
