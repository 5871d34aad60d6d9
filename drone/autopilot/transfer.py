"""A list onto a vehicle and proven to be there: upload, read back, compare; again when something went wrong.

Uploads are not atomic (see `upload`), so only what was read back is flown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drone.autopilot.compare import compare
from drone.autopilot.download import Download, Downloaded
from drone.autopilot.types import Address, MissionItem, MissionType, Refusal, Why
from drone.autopilot.upload import Upload
from drone.autopilot.wire import Message

ATTEMPTS_MAX = 3
# ArduPilot answers DENIED while another upload runs, and drops a stuck one after 8 s.
PAUSE_S = 2.0
# These do not get better by trying: too long, a command that it does not know, a parameter that it does not take.
FINAL = ("NO_SPACE", "UNSUPPORTED", "INVALID ", "INVALID_PARAM", "UNSUPPORTED_FRAME")


@dataclass(frozen=True)
class Verified:
    """The vehicle holds this list. dropped: fields of ours that it does not keep (see `compare`)."""

    count: int
    dropped: tuple[str, ...]


class Transfer:
    """One list, proven. Done when `outcome` is set; `history` says why earlier attempts failed."""

    def __init__(
        self,
        items: Sequence[MissionItem],
        kind: MissionType,
        own: Address,
        to: Address,
        *,
        home_first: bool,
    ) -> None:
        self.outcome: Verified | Refusal | None = None
        self.history: list[Refusal] = []
        self.kind = kind
        self._items = list(items)
        self._own = own
        self._to = to
        self._home_first = home_first
        self._step: Upload | Download | None = self._upload()
        self._wait_until_s = 0.0

    def tick(self, now_s: float) -> list[Message]:
        """What is due now."""
        if self.outcome is not None or now_s < self._wait_until_s:
            return []
        if self._step is None:
            self._step = self._upload()
        out = self._step.tick(now_s)
        return out + self._advance(now_s)

    def receive(self, message: Message, now_s: float) -> list[Message]:
        """A message from the line; what to answer."""
        if self.outcome is not None or self._step is None:
            return []
        out = self._step.receive(message, now_s)
        return out + self._advance(now_s)

    def _advance(self, now_s: float) -> list[Message]:
        step = self._step
        if step is None or step.outcome is None:
            return []
        if isinstance(step.outcome, Refusal):
            self._failed(step.outcome, now_s)
            return []
        if isinstance(step.outcome, Downloaded):
            self._compare(step.outcome, now_s)
            return []
        self._step = Download(self.kind, self._own, self._to)
        return self._step.tick(now_s)

    def _compare(self, found: Downloaded, now_s: float) -> None:
        result = compare(self._items, found.items, self.kind, self._home_first)
        if result.differs:
            self._failed(Refusal(Why.DIFFERS, "; ".join(result.differs[:5])), now_s)
        else:
            self.outcome = Verified(len(self._items), result.dropped)

    def _failed(self, refusal: Refusal, now_s: float) -> None:
        self.history.append(refusal)
        final = refusal.why is Why.UPLOAD_REFUSED and refusal.detail.startswith(FINAL)
        if final or len(self.history) >= ATTEMPTS_MAX:
            self.outcome = refusal
        self._step = None
        self._wait_until_s = now_s + PAUSE_S

    def _upload(self) -> Upload:
        return Upload(self._items, self.kind, self._own, self._to)
