"""One thing is one event: what the network calls by several names, or takes for a person too, is decided over time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from edge.watch.boxes import Box, iou
from edge.wire import CaseClass

SAME_IOU = 0.5  # the usual bound for "the same object"; a bicycle leaning on a heap stays well below it
DOUBT = 1.5  # people and vehicles are far more common than what is filed: in doubt it is one of them
MEMORY_S = 20.0  # a network errs alike for seconds on end while nothing moves: frames are no independent witnesses


@dataclass(frozen=True)
class Blocker:
    """A detection of a person or vehicle, which may hide a thing or be what was taken for one."""

    label: str
    score: float
    box: Box


class Claim(Protocol):
    """What a remembered spot must know of itself to compete (`edge.watch.places.Spot`)."""

    @property
    def case_class(self) -> CaseClass:
        """Which of the four kinds it is held for."""

    @property
    def box(self) -> Box:
        """Pixels."""

    @property
    def state(self) -> str:
        """watching, filed or gone."""

    @property
    def first_seen(self) -> datetime:
        """UTC."""

    @property
    def evidence(self) -> float:
        """How well it was seen over time, 0 to 1."""

    @property
    def lead(self) -> float:
        """As `new_lead` keeps it."""


C = TypeVar("C", bound=Claim)


def same_thing(a: Claim, b: Claim) -> bool:
    """Whether two spots of different kinds are one thing by two names: they lie on nearly the same box."""
    return a.case_class != b.case_class and iou(a.box, b.box) >= SAME_IOU


def standing(claims: Iterable[C]) -> list[C]:
    """Those that may be filed, the strongest first: of claims to one thing only the one with the best evidence.

    What is filed keeps its claim for as long as it is remembered: it is the event. A claim that has lost takes nothing
    from others. What is rather a person or a vehicle (`lead` not above 0) neither stands nor outdoes anything.
    """
    kept: list[C] = []
    for claim in sorted(claims, key=_strength):
        if claim.state == "filed" or (claim.lead > 0 and not any(same_thing(claim, k) for k in kept)):
            kept.append(claim)
    return kept


def _strength(claim: Claim) -> tuple[bool, float, datetime, str]:
    return (claim.state != "filed", -claim.evidence, claim.first_seen, claim.case_class)


def dispute(case_class: CaseClass, box: Box, blockers: Iterable[Blocker]) -> float:
    """The weight of what else the network sees in this very box, 0 when there is nothing: the surest person's or
    vehicle's score times DOUBT. A stall may be a vehicle, so vehicles do not dispute stalls."""
    able = (b for b in blockers if b.label == "person" or case_class != "stall")
    return DOUBT * max((b.score for b in able if iou(b.box, box) >= SAME_IOU), default=0.0)


def new_lead(lead: float, score: float, disputed: float, step_s: float) -> float:
    """How much surer of the thing than of a person or vehicle in its box the network was over the last MEMORY_S, after
    one more frame, `step_s` after the one before.

    `score`: the sighting's, 0 when it was not seen; `disputed`: of `dispute`. A frame that shows neither tells nothing.
    Somebody who stood in the very box, however long, is outweighed within 40 s (a property test says so).
    """
    if score == 0.0 and disputed == 0.0:
        return lead
    return lead + (score - disputed - lead) * min(1.0, step_s / MEMORY_S)
