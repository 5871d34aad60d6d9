"""Which version a device runs: the last good one, one on trial, and why another was refused; pure steps between them.

Version 0 is the device's own file. Every step is written down before anything acts on it (`shelf`), so that a kill at
any point leaves one of: the old version in force, or the new one on trial with its starts counted.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

STARTS_MAX = 2  # a version on trial whose process fell so often is given up
REASON_MAX = 500
NO_NAMES: list[str] = []

Number = Annotated[int, Meta(ge=0)]


class State(Struct, frozen=True, kw_only=True):
    """`previous`: the version that was good before `good`; its files are kept. `starts`: of the one on trial that did
    not end in good order. `must_see`: cameras that have to give pictures under the one on trial."""

    good: Number = 0
    previous: Number = 0
    trial: Number = 0
    starts: Number = 0
    must_see: list[str] = NO_NAMES
    refused: Number = 0
    reason: str = ""

    @property
    def in_force(self) -> int:
        """The version to run with."""
        return self.trial or self.good

    @property
    def word(self) -> Literal["local", "trial", "good"]:
        """For the health message."""
        if self.trial:
            return "trial"
        return "good" if self.good else "local"

    @property
    def newest(self) -> int:
        """No version up to this one is taken again."""
        return max(self.good, self.trial, self.refused)

    @property
    def kept(self) -> set[int]:
        """Versions whose files are needed."""
        return {self.good, self.previous, self.trial} - {0}


def tried(state: State, version: int, must_see: list[str]) -> State:
    """A new version goes on trial, in the place of one that still was."""
    return replace(state, trial=version, starts=0, must_see=sorted(must_see))


def begun(state: State) -> State:
    """A process starts. One start too many ends the trial."""
    if not state.trial:
        return state
    if state.starts >= STARTS_MAX:
        words = f"its process fell {state.starts} times before it had proved itself; version {state.good} runs again"
        return refused(state, state.trial, words)
    return replace(state, starts=state.starts + 1)


def ended(state: State) -> State:
    """A process ended in good order: that start does not count against the version on trial."""
    return replace(state, starts=max(0, state.starts - 1)) if state.trial else state


def proved(state: State, version: int) -> State:
    """A version is good, unless another has gone on trial in its place since."""
    if version != state.trial:
        return state
    return replace(state, good=state.trial, previous=state.good, trial=0, starts=0, must_see=[], reason="", refused=0)


def refused(state: State, version: int, reason: str) -> State:
    """A version is not taken, or given up: the last good one is in force."""
    state = replace(state, refused=version, reason=reason[:REASON_MAX])
    if version == state.trial:
        return replace(state, trial=0, starts=0, must_see=[])
    return state


def unusable(state: State, reason: str) -> State:
    """The version in force cannot even be started: back to the good one before, from there to the device's own file."""
    if state.trial:
        return refused(state, state.trial, reason)
    return replace(state, good=state.previous, previous=0, refused=state.good, reason=reason[:REASON_MAX])
