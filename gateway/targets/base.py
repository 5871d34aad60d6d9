"""What every target takes and gives: a parcel goes out, what became of it comes back, news are asked for later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx

from gateway import tracing

TIMEOUT_S = 4.0
REASON_MAX = 300
AGAIN = frozenset({408, 425, 429})
PATHS: dict[str, "Kind"] = {
    "/reports": "report",
    "ops": "op",
    "extend": "op",
    "suspend": "op",
    "signatures": "op",
    "answers": "op",
    "/duty/reports": "op",
    "verdicts": "verdict",
    "/sightings": "order",
    "/groupings": "order",
}
Kind = Literal["report", "op", "verdict", "order"]
Order = Literal["incident", "all"]


@dataclass(frozen=True)
class Parcel:
    """One row of the outbox. `key`: the same for every attempt, so that a target may know it again."""

    key: str
    incident_id: str
    path: str
    body: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every attempt: the key, and the trace of who reported it."""
        traceparent = tracing.onward(self.body)
        return {"Idempotency-Key": self.key} | ({"traceparent": traceparent} if traceparent else {})

    @property
    def kind(self) -> Kind:
        """Report of an incident, a crew's step, a camera's verdict, or who saw what first."""
        return PATHS[self.path if self.path in PATHS else self.path.rpartition("/")[2]]


@dataclass(frozen=True)
class Sent:
    """What became of one attempt. `down`: nobody answered, so the others need not be tried now.

    `remote_id`, `token`: what another system calls it; `foreign`: it keeps the case, the embedded registry does not.
    """

    state: Literal["pending", "done", "refused"]
    error: str = ""
    down: bool = False
    failed: bool = False
    foreign: bool = False
    remote_id: str = ""
    token: str = ""


@dataclass(frozen=True)
class Followed:
    """One delivery that is asked about."""

    incident_id: str
    remote_id: str
    token: str


@dataclass(frozen=True)
class News:
    """What a target says of a delivery; `state` is the target's own word, "" while it has none."""

    incident_id: str
    remote_id: str
    state: str
    reason: str = ""


class Target(Protocol):
    """A registry of any kind. `order`: within each incident, or over everything (slower: one at a time)."""

    @property
    def name(self) -> str: ...

    @property
    def order(self) -> Order: ...

    def send(self, parcel: Parcel) -> Sent:
        """One attempt; raises nothing."""
        ...

    def send_many(self, parcels: Sequence[Parcel]) -> list[Sent] | None:
        """One attempt for parcels of different incidents in one request, each with an answer of its own; None where
        the target takes one at a time. Raises nothing."""
        ...

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """What is new. Raises httpx.HTTPError, georeport.BadDocument."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


def unreachable(error: httpx.HTTPError) -> Sent:
    """Nobody answered."""
    return Sent("pending", f"{type(error).__name__}: {error}"[:REASON_MAX], down=True)


def failure(answer: httpx.Response) -> Sent:
    """An answer that is no success: tried again when the fault may pass, refused when it will not."""
    again = answer.status_code >= 500 or answer.status_code in AGAIN
    text = f"HTTP {answer.status_code}: {answer.text[:REASON_MAX]}"
    return Sent("pending" if again else "refused", text, failed=answer.status_code >= 500)
