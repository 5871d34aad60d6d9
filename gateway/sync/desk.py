"""The centre's state machine: operations in their order, each once; orders, notices and reminders into the logs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import msgspec

from edge.wire import WAITING_MAX, Notice, Op, Order, Rejection, Step, WireError, Work
from gateway.sync import held as holding
from gateway.sync.calls import PATHS
from gateway.sync.ports import Books, Parked
from gateway.sync.rules import FINAL, Judged, judge

Status = Literal["judged", "repeat", "waiting", "full"]


@dataclass
class Taken:
    """What became of one message. `judged`: of it and of those that had waited for it, in order."""

    status: Status
    judged: list[tuple[Op | None, Judged]] = field(default_factory=list)


class Desk:
    """Works on the books of one transaction; everything that it says must be committed before it is sent."""

    def __init__(self, books: Books, now: Callable[[], datetime]) -> None:
        self._books = books
        self._now = now

    def take(self, op: Op) -> Taken:
        """An operation. Repeats change nothing, early ones wait, the rest is judged."""
        return self._in_turn(op.device, op.epoch, Parked(op.seq, op))

    def skip(self, device: str, epoch: str, seq: int, error: WireError) -> Taken:
        """An operation that cannot be read has its turn too, or everything behind it would wait for ever."""
        return self._in_turn(device, epoch, Parked(seq, None, int(error.code), str(error)[:2000]))

    def enrol(self, device: str, crew: str) -> None:
        """A handset into a crew; its rejections go with it, or it would never hear of those it has not fetched."""
        old = self._books.crew_of(device)
        if old == crew:
            return
        self._books.enrol(device, crew)
        for key, rejection in self._books.rejections(old, device):
            self._books.append(crew, key, rejection, True)

    def order(self, work: Work, crew: str) -> bool:
        """The registry's word on an order; False when it is no news."""
        old = self._books.order(work.order_id)
        new = holding.joined(old, work, crew)
        if new is None:
            return False
        if old is not None and old.crew != crew:
            self._show(old.crew, holding.recalled(new, crew))
        self._keep(new)
        return True

    def extended(self, order_id: str, deadline: datetime) -> None:
        """The registry granted an extension (延期)."""
        self._change(order_id, deadline=deadline, asked="")

    def answered(self, order_id: str, kind: str, answer: Literal["granted", "refused"], words: str) -> None:
        """A person's word on what the crew had asked for; it stays visible on the order."""
        found = self._books.order(order_id)
        if found is not None:
            asked = "" if found.order.asked == kind else found.order.asked
            self._change(order_id, asked=asked, answer=answer, answer_words=words[:2000])

    def reached(self, order_id: str, step: Step, device: str) -> None:
        """How far a crew was before this protocol knew it."""
        self._change(order_id, step=step, step_by=device)

    def remind(self, order_id: str, words: str) -> bool:
        """Urge (催办) the crew of an open order; False when there is none."""
        found = self._books.order(order_id)
        if found is None or found.order.state not in holding.OPEN:
            return False
        self._change(order_id, reminders=found.order.reminders + 1, reminder=words[:2000], urgent=True)
        return True

    def notice(self, crew: str, notice: Notice) -> None:
        """Words to a crew, until they expire."""
        self._books.append(crew, f"notice/{notice.notice_id}", notice, True)

    def refused_later(self, op: Op, crew: str, judged: Judged) -> None:
        """The registry would not take an operation that was applied here: it goes to the shelf after all."""
        self._reject(op.device, op.epoch, op.seq, op, crew, judged)
        found = self._books.order(op.order_id)
        if found is not None and found.order.asked == op.kind:
            self._change(op.order_id, asked="")

    def _in_turn(self, device: str, epoch: str, parked: Parked) -> Taken:
        through = self._books.through(device, epoch)
        if self._is_repeat(device, epoch, parked.seq, through):
            return Taken("repeat")
        if parked.seq > through + 1:
            if self._books.waiting(device) >= WAITING_MAX:
                return Taken("full")
            self._books.park(device, epoch, parked)
            return Taken("waiting")
        done = Taken("judged")
        turn: Parked | None = parked
        while turn is not None:
            done.judged.append((turn.op, self._judge(device, epoch, turn)))
            through = max(through, turn.seq)
            self._books.advance(device, epoch, through)
            turn = self._books.parked(device, epoch, through + 1)
            if turn is not None:
                self._books.unpark(device, epoch, turn.seq)
        return done

    def _is_repeat(self, device: str, epoch: str, seq: int, through: int) -> bool:
        return seq <= through or self._books.parked(device, epoch, seq) is not None

    def _is_known(self, op: Op) -> bool:
        return self._books.known(op.device, op.op_id)

    def _judge(self, device: str, epoch: str, turn: Parked) -> Judged:
        crew = self._books.crew_of(device)
        op = turn.op
        if op is None:
            judged = Judged("rejected", code=turn.code, reason=turn.reason)
        elif self._is_known(op):
            return Judged("late", reason="known already")
        else:
            found = self._books.order(op.order_id) if op.order_id else None
            judged = judge(found, op, crew, self._books.rights(crew))
            self._apply(op, crew, found, judged)
        if judged.outcome == "rejected":
            self._reject(device, epoch, turn.seq, op, crew, judged)
        return judged

    def _apply(self, op: Op, crew: str, found: holding.Held | None, judged: Judged) -> None:
        self._books.write_down(op, crew, judged)
        if op.kind == "read" and judged.outcome == "applied":
            self._read(op, crew)
        if op.kind in PATHS and judged.outcome == "applied":
            self._books.call(op, crew, PATHS[op.kind])
        if found is None:
            return
        if judged.order is not None:
            found = msgspec.structs.replace(found, order=judged.order)
            self._keep(found)
        if op.evidence and judged.outcome != "rejected":
            self._books.refer(op, found)
        if judged.forward:
            self._books.tell(op, found, judged.forward)

    def _read(self, op: Op, crew: str) -> None:
        key = f"notice/{op.notice_id}"
        notice = self._books.entry(crew, key)
        if isinstance(notice, Notice) and op.device not in notice.read_by and len(notice.read_by) < 64:
            self._books.append(crew, key, msgspec.structs.replace(notice, read_by=[*notice.read_by, op.device]), True)

    def _reject(self, device: str, epoch: str, seq: int, op: Op | None, crew: str, judged: Judged) -> None:
        rejection = Rejection(
            op_id=op.op_id if op else "",
            device=device,
            epoch=epoch,
            seq=seq,
            op_kind=op.kind if op else "",
            order_id=op.order_id if op else "",
            at=op.at if op else self._now(),
            code=judged.code,
            reason=judged.reason[:2000],
            review=judged.review,
        )
        self._books.append(crew, f"rejection/{device}/{epoch}/{seq}", rejection, True)

    def _change(self, order_id: str, **values: object) -> None:
        found = self._books.order(order_id)
        if found is not None:
            self._keep(msgspec.structs.replace(found, order=msgspec.structs.replace(found.order, **values)))

    def _keep(self, new: holding.Held) -> None:
        self._books.keep(new)
        self._show(new.crew, new.order)

    def _show(self, crew: str, order: Order) -> None:
        ended = order.state not in holding.OPEN or order.step in FINAL
        self._books.append(crew, f"order/{order.order_id}", order, ended)
