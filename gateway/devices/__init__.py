"""Devices: what was heard of each, who each is, what each may do and how much."""

from gateway.devices.heard import DEVICES_MAX, Count, Tally, listed, online

__all__ = ["DEVICES_MAX", "Count", "Tally", "listed", "online"]
