"""The one refusal of this room: a pixel that gets no place, and why."""

from __future__ import annotations


class NotPlaced(ValueError):
    """reason: a few words to count by; `str()`: one line for a person."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
