"""Candidates with the desk's decisions, and their pictures, from the gateway's HTTP API."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import msgspec
from msgspec import Struct

from models.city.judged import Judged, LabelingError, Tally, shares
from models.labelled import CLASSES

PAGE = 200
TIMEOUT_S = 20.0
PICTURE_BYTES_MAX = 4 * 1024**2
GONE = "picture is not at the gateway (not yet, or no longer)"


class Picture(Struct, frozen=True):
    """A candidate's picture; `url` is None where it cannot be fetched."""

    sha256: str
    kind: str
    url: str | None


class Reviewed(Struct, frozen=True, kw_only=True):
    """One row of /api/reviewed."""

    device: str
    camera: str
    place_id: str
    candidate_id: str
    incident_id: str
    case_id: str | None
    label: str
    score: float
    box: tuple[float, float, float, float]
    frame_width: int
    frame_height: int
    model: str
    model_sha256: str
    last_seen: str
    decision: str
    person: str
    reason: str
    cause: str
    decided_at: str
    handled: bool
    evidence: list[Picture]


class _Page(Struct, frozen=True):
    candidates: list[Reviewed]
    next: int | None


class Gateway:
    """A gateway by its address, `http://host:port`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            host = httpx.URL(self.url).host if self.url.startswith(("http://", "https://")) else ""
        except httpx.InvalidURL:
            host = ""
        if not host:
            raise LabelingError(f"--gateway {url}: not an address; give http://HOST:PORT")
        self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False)

    def rows(self) -> Iterator[Reviewed]:
        """All candidates, oldest first. Raises LabelingError."""
        after: int | None = 0
        while after is not None:
            body = self._get(f"/api/reviewed?after={after}&limit={PAGE}").content
            try:
                page = msgspec.json.decode(body, type=_Page)
            except msgspec.DecodeError as error:
                raise LabelingError(
                    f"{self.url}/api/reviewed: unexpected answer ({error}); is it a gateway?"
                ) from error
            yield from page.candidates
            after = page.next

    def picture(self, sha256: str) -> bytes | None:
        """The bytes behind a hash; None when they are gone or not those. Raises LabelingError."""
        data = self._get(f"/evidence/{sha256}", or_gone=True).content
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def _get(self, path: str, or_gone: bool = False) -> httpx.Response:
        try:
            answer = self._client.get(path)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise LabelingError(
                f"--gateway {self.url}: no answer ({why}); check the address and that it runs"
            ) from error
        if not answer.is_success and not (or_gone and answer.status_code == 404):
            words = f"{self.url}{path.partition('?')[0]}: HTTP {answer.status_code}"
            raise LabelingError(f"{words}; is it a zhuomu gateway of this version?")
        return answer


def judged(row: Reviewed, unreviewed: bool, tally: Tally) -> Judged | None:
    """What a row teaches; None (and counted, with the reason) when it teaches nothing."""
    tally.decided(row.decision)
    there = _there(row, unreviewed)
    frame = next((p for p in row.evidence if p.kind == "frame"), None)
    box = shares(row.box, row.frame_width, row.frame_height)
    why = _unusable(row, there, unreviewed) or (
        "no whole picture came with the candidate" if frame is None else "box lies outside the picture"
    )
    if there is None or frame is None or box is None or row.label not in CLASSES:
        tally.skip(why)
        return None
    names = ("candidate_id", "incident_id", "case_id", "decision", "cause", "person", "reason", "decided_at", "handled")
    more = ("device", "camera", "place_id", "score", "model", "model_sha256", "last_seen")
    return Judged(
        picture=frame.sha256,
        label=row.label,
        box=box,
        there=there,
        decision=row.decision,
        camera=f"{row.device}/{row.camera}",
        frame=(row.frame_width, row.frame_height),
        proof={name: getattr(row, name) for name in (*names, *more)},
    )


def _there(row: Reviewed, unreviewed: bool) -> bool | None:
    """Whether the thing is in the picture; None when nobody has said so."""
    if row.decision == "confirmed" or (row.decision == "unreviewed" and unreviewed):
        return True
    if row.decision == "rejected":
        return {"false_alarm": False, "permitted": True}.get(row.cause)
    return None


def _unusable(row: Reviewed, there: bool | None, unreviewed: bool) -> str:
    if row.decision == "unreviewed" and not unreviewed:
        return "filed by standing order, looked at by nobody (--unreviewed takes them)"
    if row.decision == "rejected" and there is None:
        return "rejected without saying whether the thing was there"
    if there is None:
        return {"witness": "further witness of a case, not the picture that was judged"}.get(
            row.decision, "waits for a decision"
        )
    return "" if row.label in CLASSES else f"unknown class '{row.label}'"
