"""Operators: accounts and roles, passwords and second factor, sessions, and the log of who did and saw what."""
