"""One transaction per batch of messages: what is new is applied, what is not is only receipted again."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from edge.wire import Answer, Candidate, Evidence, Health, Op, OverQuota, Piece, Presence, Refusal, Verdict, WireError
from gateway import asks, checks, dead_letters, evidence, fleet, incidents, work
from gateway.bulk import Bulk
from gateway.counters import Counters
from gateway.database import Database
from gateway.devices import Tally
from gateway.evidence import EvidenceStore
from gateway.quick import Quick
from gateway.sync import handsets, intake
from gateway.sync.uploads import Uploads
from gateway.tables import messages
from gateway.take import Identity, Taken
from gateway.times import Clock, to_text
from gateway.tracing import Traced

REASON_MAX = 200
WRITERS = 4  # pictures are on their way to the disk at the same time
Key = tuple[str, str]
Decided = tuple[int | None, str | None]  # (code, reason), both None for an accepted message
About = tuple[str, str]  # (subject, incident_id) of a message, see gateway.tables.messages

_m = messages.c
_DECIDED = Quick(
    sa.select(_m.code, _m.reason).where(
        _m.device == sa.bindparam("of_device"), _m.epoch == sa.bindparam("of_epoch"), _m.seq == sa.bindparam("of_seq")
    )
)


@dataclass
class Outcome:
    """What a committed batch calls for: receipts by (device, epoch), and devices that have just come up."""

    receipts: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[Key, list[Refusal]] = field(default_factory=lambda: defaultdict(list))
    births: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)  # had come up before the gateway did
    heard: intake.Heard = field(default_factory=intake.Heard)
    traced: list[Traced] = field(default_factory=list)
    began_ns: int = 0
    accepted: int = 0
    repeats: int = 0
    deferred: int = 0
    results: Counter[tuple[str, str]] = field(default_factory=Counter)  # (channel, accepted | repeat | refused | heard)

    def decide(self, identity: Identity, decided: Decided) -> None:
        """Committed: its device may delete it. Refused: its device must not send it again."""
        device, epoch, seq = identity
        code, reason = decided
        if code is None:
            self.receipts[device, epoch].append(seq)
        else:
            self.refused[device, epoch].append(Refusal(seq=seq, code=code, reason=reason or ""))


class BatchStore:
    """Owns the intake's transactions."""

    def __init__(
        self,
        database: Database,
        pictures: EvidenceStore,
        counters: Counters,
        clock: Clock,
        dead_letters_max: int,
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._uploads = Uploads(pictures.root.parent / "uploads", pictures, counters)
        self._counters = counters
        self._clock = clock
        self._dead_letters_max = dead_letters_max
        self._writers = ThreadPoolExecutor(WRITERS, "evidence")

    def commit(self, batch: Sequence[Taken], throttled: Iterable[str] = ()) -> Outcome:
        """All of a batch or nothing of it. Raises sqlalchemy.exc.DBAPIError when the database will not."""
        outcome = Outcome(began_ns=time.time_ns())
        items = self._write_pictures(batch, outcome)
        self._write_pieces(items, outcome)
        with self._database.write() as tx:
            work_on = _Batch(tx, to_text(self._clock()), outcome, _ledger(tx, items))
            for device in throttled:
                work_on.tally.add(device, "throttled")
            intake.stand(tx, (item.message for item in items), work_on.now)
            for item in items:
                work_on.apply(item)
            work_on.tally.write(tx, work_on.bulk, work_on.now)
            work_on.bulk.flush()
            photo_bytes = intake.record(tx, outcome.heard, work_on.now)
            gone = self._pictures.over_budget(tx, photo_bytes + sum(map(_picture_bytes, items)))
            dropped = dead_letters.trim(tx, self._dead_letters_max) if outcome.refused else 0
        self._pictures.remove(gone)
        self._count(outcome, len(gone), dropped)
        return outcome

    def _write_pictures(self, batch: Sequence[Taken], outcome: Outcome) -> list[Taken]:
        """Files first, rows later. A picture that the disk refuses is left out: no receipt, it comes again."""
        pictures = [item for item in batch if isinstance(item.message, Evidence)]
        if not pictures:
            return list(batch)
        with self._database.read() as tx:
            known = _ledger(tx, pictures)
        done = self._writers.map(lambda picture: self._with_picture(picture, known), pictures)
        written = dict(zip(map(id, pictures), done, strict=True))
        outcome.deferred = sum(item is None for item in written.values())
        kept = (written.get(id(item), item) for item in batch)
        return [item for item in kept if item is not None]

    def _write_pieces(self, items: Sequence[Taken], outcome: Outcome) -> None:
        found = [item.message for item in items if isinstance(item.message, Piece)]
        if found:
            with self._database.read() as tx:
                gone = handsets.revoked(tx, {piece.device for piece in found})
            outcome.deferred += intake.pieces(self._uploads, found, gone, outcome.heard)

    def _with_picture(self, item: Taken, known: dict[Identity, Decided]) -> Taken | None:
        if not isinstance(item.message, Evidence) or item.identity in known:
            return item
        try:
            self._pictures.write(item.message)
        except WireError as error:
            return replace(item, error=error)
        except OSError:
            return None
        return item

    def _count(self, outcome: Outcome, evicted: int, dropped: int) -> None:
        self._counters.add("accepted", outcome.accepted)
        self._counters.add("repeats", outcome.repeats)
        self._counters.add("refused", sum(map(len, outcome.refused.values())))
        self._counters.add("evidence_deferred", outcome.deferred)
        self._counters.add("evidence_evicted", evicted)
        self._counters.add("dead_letters_dropped", dropped)


class _Batch:
    """The inside of one transaction."""

    def __init__(self, tx: sa.Connection, now: str, outcome: Outcome, known: dict[Identity, Decided]) -> None:
        self.tx = tx
        self.bulk = Bulk(tx)
        self.now = now
        self.outcome = outcome
        self.known = known
        self.tally = Tally()

    def apply(self, item: Taken) -> None:
        if isinstance(item.error, OverQuota):
            self._turn_away(item, item.error)
        elif item.error is not None and not self._has_turn(item):
            self._bury(item, item.error)
        elif item.identity is None:
            try:
                self._hear(item)
            except WireError as error:
                self._bury(item, error)
            else:
                self._tell(item, "heard")
        elif item.identity in self.known:
            self.outcome.repeats += 1
            self._tell(item, "repeat")
            self.outcome.decide(item.identity, self.known[item.identity])
            self.tally.add(item.device, "repeats")
        else:
            self._take_in(item, item.identity)

    def _take_in(self, item: Taken, identity: Identity) -> None:
        decided: Decided = (None, None)
        about: About = ("", "")
        try:
            about = self._handle(item)
        except work.Later:
            self.outcome.deferred += 1
            return
        except WireError as error:
            decided = self._bury(item, error)
        else:
            self.outcome.accepted += 1
            self._tell(item, "accepted")
            self.outcome.decide(identity, decided)
            self.tally.add(item.device, "messages")
        self.known[identity] = decided
        self._write_ledger(identity, item, decided, about)

    def _handle(self, item: Taken) -> About:
        message = item.message
        if item.error is not None and item.identity is not None:
            work.skip_op(self.tx, self.bulk, item.identity, item.error, self.now)
            raise item.error
        if isinstance(message, Candidate):
            placed = incidents.place(self.tx, self.bulk, message, item.incoming.payload, self.now)
            if message.trace and not placed.known:
                self.outcome.traced.append(Traced(message.trace, message.candidate_id, placed.incident_id))
            return ("" if placed.known else message.candidate_id), placed.incident_id
        if isinstance(message, Evidence):
            evidence.record(self.tx, message, self.now)
            return message.sha256, ""
        if isinstance(message, Op):
            return "", work.apply_op(self.tx, self.bulk, message, self.now)
        if isinstance(message, Verdict):
            checks.answer(self.tx, self.bulk, message, self.now)
            return "", message.incident_id
        return "", ""

    def _has_turn(self, item: Taken) -> bool:
        """An operation that cannot be read is judged in its turn, or those behind it would wait for ever."""
        return item.identity is not None and item.row is not None and item.row.name == "op"

    def _tell(self, item: Taken, result: str) -> None:
        self.outcome.results[item.row.name if item.row else "unknown", result] += 1

    def _hear(self, item: Taken) -> None:
        if isinstance(item.message, Presence):
            self.tally.presence(item.message, item.incoming.retained)
            if item.message.online:
                self.outcome.births.add(item.device)
                if item.incoming.retained:
                    self.outcome.there.add(item.device)
        elif isinstance(item.message, Health):
            self.tally.health(item.message, item.incoming.payload)
            fleet.heard(self.tx, item.message, self.now)
        elif isinstance(item.message, Answer):
            asks.answered(self.tx, item.message, item.incoming.payload, self.now)
        else:
            intake.hear(self.tx, item.message, self.outcome.heard, self.now)

    def _bury(self, item: Taken, error: WireError) -> Decided:
        decided = (int(error.code), dead_letters.printable(str(error))[:REASON_MAX])
        dead_letters.put(self.tx, self.bulk, item.incoming.topic, item.device, item.incoming.payload, error, self.now)
        self.tally.add(item.device, "refused")
        self._tell(item, "refused")
        if item.identity is not None:
            self.outcome.decide(item.identity, decided)
        return decided

    def _turn_away(self, item: Taken, error: OverQuota) -> None:
        """Refused without a dead letter: there is nothing wrong with the message, and there may be many."""
        self.tally.add(item.device, "refused")
        self._tell(item, "refused")
        if item.identity is not None:
            self.outcome.decide(
                item.identity, self.known.get(item.identity, (int(error.code), str(error)[:REASON_MAX]))
            )

    def _write_ledger(self, identity: Identity, item: Taken, decided: Decided, about: About) -> None:
        device, epoch, seq = identity
        row = {"device": device, "epoch": epoch, "seq": seq, "channel": item.row.name if item.row else ""}
        row |= {"received_at": self.now, "code": decided[0], "reason": decided[1]}
        row |= {"subject": about[0], "incident_id": about[1]}
        self.bulk.add(messages, row)


def _ledger(tx: sa.Connection, items: Iterable[Taken]) -> dict[Identity, Decided]:
    """What of these was decided before."""
    found: dict[Identity, Decided] = {}
    for identity in {item.identity for item in items if item.identity is not None}:
        device, epoch, seq = identity
        for code, reason in _DECIDED.rows(tx, {"of_device": device, "of_epoch": epoch, "of_seq": seq}):
            found[identity] = (code, reason)
    return found


def _picture_bytes(item: Taken) -> int:
    return len(item.message.data) if isinstance(item.message, Evidence) and item.error is None else 0
