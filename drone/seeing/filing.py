"""From a thing that a rule wants to a candidate in the outbox: place with its ellipse, pictures, one transaction."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future, wait
from dataclasses import dataclass

import msgspec
import structlog

from drone.seeing.groundbox import FRAME_PX, box_of
from drone.seeing.things import Thing
from drone.seeing.tools import Seen, Tools
from drone.seeing.zones import on_map
from edge.link import OutboxFull
from edge.watch.boxes import Box
from edge.watch.confirm import Confirmations
from edge.watch.evidence import reference
from edge.watch.proof import Case, Facts, Proved
from edge.watch.rules import Decision, decide, under_standard
from edge.wire import Candidate

ERROR_MAX_M = 12.0  # one sigma: worse, nobody finds the thing, and the gateway would merge it with anything

log = structlog.get_logger()


@dataclass
class _Due:
    thing: Thing
    candidate: Candidate
    proof: Future[Proved]


class Filing:
    """Candidates of one drone. Until the transaction that stores candidate, pictures and the filed thing together, the
    thing stays "watching": a kill in between loses the pictures' work alone."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._due: dict[str, _Due] = {}
        self._confirmed = Confirmations(self._history)

    def judge(self, thing: Thing, seen: Seen) -> Decision:
        """What the rules say of a thing that was just seen."""
        spot, zones = on_map(thing, self._tools.zones)
        first_us = thing.moments[0]
        confirmed = self._confirmed.of(thing.thing_id, first_us, seen.at_us)
        return decide(self._tools.rules, spot, zones, seen.at, confirmed)

    def consider(self, thing: Thing, seen: Seen, box: Box) -> Decision:
        """File it when the rules want it and its place is known well enough."""
        decision = self.judge(thing, seen)
        self._confirmed.forget([thing.thing_id])  # its moments are the log; they have just grown
        if not decision.file or thing.state != "watching" or thing.thing_id in self._due:
            return decision
        if thing.estimate().place().error_major_m > ERROR_MAX_M:
            self._tools.counts["too_uncertain_to_file"] += 1
            return decision
        self._begin(thing, decision, seen, box)
        return decision

    def finish(self, wait_s: float = 0.0) -> None:
        """File what has its pictures; `wait_s`: how long to wait for those under way."""
        if wait_s:
            wait([due.proof for due in self._due.values()], wait_s)
        for due in [d for d in self._due.values() if d.proof.done()]:
            try:
                self._file(due)
            except (OutboxFull, sqlite3.Error) as error:
                self._tools.counts["candidates_postponed"] += 1
                log.error("candidate.postponed", thing=due.thing.thing_id, reason=str(error))

    def _history(self, thing_id: str) -> list[tuple[int, int]]:
        """All sightings but the present one."""
        thing = self._tools.memory.things.get(thing_id)
        return [(thing.moments[0], at) for at in thing.moments[:-1]] if thing is not None else []

    def _begin(self, thing: Thing, decision: Decision, seen: Seen, box: Box) -> None:
        candidate = under_standard(self._candidate(thing, decision), self._tools.rules)
        facts = Facts(
            candidate.candidate_id,
            candidate.camera,
            candidate.case_class,
            candidate.rule,
            candidate.rule_version,
            candidate.model,
            candidate.model_sha256,
            seen.at,
            seen.at.timestamp(),
        )
        proof = self._tools.desk.prove(self._tools.prover, Case(facts, seen.image, box, seen.found))
        if proof is not None:
            self._due[thing.thing_id] = _Due(thing, candidate, proof)

    def _file(self, due: _Due) -> None:
        proved, thing = due.proof.result(), due.thing
        candidate = msgspec.structs.replace(
            due.candidate,
            evidence=[reference(p) for p in proved.pictures],
            evidence_record=proved.record,
            evidence_missing=proved.missing,
        )
        filed = msgspec.structs.replace(thing, state="filed", candidate_id=candidate.candidate_id)
        self._tools.link.send(candidate, *proved.pictures, within=self._tools.store.saving(filed))
        thing.state, thing.candidate_id = "filed", candidate.candidate_id
        del self._due[thing.thing_id]
        self._tools.counts["candidates"] += 1
        log.info("candidate", thing=thing.thing_id, case_class=thing.case_class, rule=candidate.rule)

    def _candidate(self, thing: Thing, decision: Decision) -> Candidate:
        assert decision.rule is not None
        outbox, detector = self._tools.link.outbox, self._tools.detector
        camera, box = box_of(thing)
        return Candidate(
            device=outbox.device,
            epoch=outbox.epoch,
            seq=1,
            candidate_id=f"{outbox.device}.{thing.thing_id}",
            camera=camera,
            place_id=thing.thing_id,
            case_class=thing.case_class,
            label=thing.label,
            class_code=decision.rule.class_code,
            rule=decision.rule.name,
            rule_version=self._tools.rules.version,
            zone=decision.zone,
            score=round(min(1.0, max(0.0, thing.score)), 4),
            box=box,
            frame_width=FRAME_PX,
            frame_height=FRAME_PX,
            first_seen=thing.first_seen,
            last_seen=thing.last_seen,
            dwell_s=max(0.0, (thing.last_seen - thing.first_seen).total_seconds()),
            place=thing.estimate().place(),
            model=detector.model_name,
            model_sha256=detector.model_sha256,
        )
