"""One history: two crews with two phones each, a registry that changes its mind, faults; then quiet, the checks."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench.histories import checks
from bench.histories.centre import Centre, Crash, at
from bench.histories.memory import MemoryBooks
from bench.histories.network import Clock, Network
from bench.histories.phone import Phone
from edge.wire import Message, Notice, Work, channel_of, decode, encode
from gateway.sync.desk import Desk

CREWS = {"a-1": "crew-a", "a-2": "crew-a", "b-1": "crew-b", "b-2": "crew-b"}
FAULTY_S = 400.0
QUIET_S = 3000.0
TICK_S = 4.0
STEPS = 70


@dataclass(frozen=True)
class Faults:
    """How bad it gets, drawn from the seed."""

    loss: float
    twice: float
    delay_s: float
    centre_crash: float
    phone_crash: float

    @classmethod
    def drawn(cls, rng: random.Random) -> "Faults":
        """Some histories are calm in one way and bad in another."""

        def draw(top: float) -> float:
            return rng.choice([0.0, rng.random() * top])

        return cls(draw(0.3), draw(0.3), 0.05 + draw(20.0), draw(0.05), draw(0.02))


@dataclass(frozen=True)
class Mutant:
    """What is broken on purpose; the default is the shipped code."""

    name: str = ""
    desk: type[Desk] = Desk
    books: type[MemoryBooks] = MemoryBooks
    early: bool = False


@dataclass
class History:
    """Use `run`. `made`: every operation that was durable on a phone."""

    seed: int
    folder: Path
    mutant: Mutant = Mutant()
    faults_found: list[str] = field(default_factory=list)
    made: dict[str, tuple[str, int]] = field(default_factory=dict)

    def run(self) -> list[str]:
        """What was wrong, in words; empty: all invariants held."""
        self.rng = random.Random(self.seed)
        self.faults = Faults.drawn(self.rng)
        self.clock = Clock()
        f = self.faults
        self.network = Network(self.clock, self.rng, f.loss, f.twice, f.delay_s)
        self.books = self.mutant.books()
        self.books.t.crews.update(CREWS)
        self.centre = Centre(
            self.books, self.folder, self.rng, self.centre_now, self._down, self.mutant.desk, self.mutant.early
        )
        self.centre.crash_share = f.centre_crash
        self.phones = {name: Phone(name, self.rng, self._up) for name in CREWS}
        for phone in self.phones.values():
            phone.book.crash_share = f.phone_crash
            self.clock.after(self.rng.random() * 5, lambda p=phone: p.connect(self.clock.now_s))  # type: ignore[misc]
            self._ticks(phone)
        for _ in range(STEPS):
            self.clock.after(self.rng.random() * FAULTY_S, self._something)
        self.clock.run(FAULTY_S)
        self._settle()
        return self.faults_found + checks.all_of(self)

    def _settle(self) -> None:
        """No more faults, every line up: until everybody is in step, or the time is over."""
        self.network.fair = True
        self.centre.crash_share = 0.0
        for phone in self.phones.values():
            phone.book.crash_share = 0.0
            if not phone.up:
                phone.connect(self.clock.now_s)
        end_s = self.clock.now_s + QUIET_S
        while self.clock.now_s < end_s and not checks.in_step(self):
            self.clock.run(self.clock.now_s + 30.0)

    def centre_now(self) -> datetime:
        """The centre's clock, which is right."""
        return at(self.clock.now_s)

    def _ticks(self, phone: Phone) -> None:
        def tick() -> None:
            self._on_phone(phone, lambda: phone.tick(self.clock.now_s))
            self.clock.after(TICK_S, tick)

        self.clock.after(self.rng.random() * TICK_S, tick)

    def _up(self, device: str, message: Message) -> None:
        payload = encode(message)
        row = channel_of(message)
        self.network.carry(lambda: self._arrive(device, decode(row, payload, device)))

    def _arrive(self, device: str, message: Message) -> None:
        try:
            self.centre.receive(device, message)
        except Crash:
            self.centre.restart()

    def _down(self, device: str, message: Message) -> None:
        payload, row = encode(message), channel_of(message)
        phone = self.phones[device]

        def deliver() -> None:
            self._on_phone(phone, lambda: phone.receive(decode(row, payload), self.clock.now_s))  # type: ignore[arg-type]
            self._on_phone(phone, lambda: phone.tick(self.clock.now_s))

        self.network.carry(deliver)

    def _on_phone(self, phone: Phone, what: Callable[[], None]) -> None:
        try:
            what()
        except Crash:
            phone.crash()
            self.clock.after(self.rng.random() * 30, lambda: self._back(phone))
        self._look(phone)

    def _back(self, phone: Phone) -> None:
        if not phone.up:
            phone.connect(self.clock.now_s)

    def _look(self, phone: Phone) -> None:
        for seq, op_id in phone.book.rows("select seq, op_id from ops"):
            self.made.setdefault(str(op_id), (phone.device, int(str(seq))))
        wrong = phone.shows_own()
        if wrong and wrong not in self.faults_found:
            self.faults_found.append(f"at {self.clock.now_s:.1f} s {wrong}")

    def _something(self) -> None:
        """A person or a machine does something; most often a crew."""
        phone = self.phones[self.rng.choice(sorted(CREWS))]
        dice = self.rng.random()
        if dice < 0.5:
            now = at(self.clock.now_s) + timedelta(seconds=phone.offset_s)
            self._on_phone(phone, lambda: phone.work(now))
        elif dice < 0.6:
            self._on_phone(phone, phone.lose if phone.up else lambda: phone.connect(self.clock.now_s))
        elif dice < 0.65:
            phone.crash()
            self.clock.after(self.rng.random() * 60, lambda: self._back(phone))
        else:
            self._centre_does(dice)

    def _centre_does(self, dice: float) -> None:
        try:
            self.centre.change(self._registry if dice < 0.93 else self._person)
        except Crash:
            self.centre.restart()

    def _person(self, desk: Desk) -> None:
        now = at(self.clock.now_s)
        crew = self.rng.choice(["crew-a", "crew-b"])
        if self.rng.random() < 0.3:
            desk.enrol(self.rng.choice(sorted(CREWS)), crew)
        elif self.rng.random() < 0.5 and self.books.t.orders:
            desk.remind(self.rng.choice(sorted(self.books.t.orders)), "hurry")
        else:
            name = f"n-{self.rng.getrandbits(32)}"
            expires = now + timedelta(seconds=self.rng.choice([60, 100_000]))
            desk.notice(crew, Notice(notice_id=name, title="words", at=now, expires=expires))

    def _registry(self, desk: Desk) -> None:
        orders = self.books.t.orders
        if len(orders) < 3 or self.rng.random() < 0.4:
            desk.order(self._work(f"wo-{len(orders) + 1}"), self.rng.choice(["crew-a", "crew-b"]))
            return
        held = orders[self.rng.choice(sorted(orders))]
        old, crew = held.order, held.crew
        changes = {"version": old.version + 1, "state": old.state, "attempt": old.attempt}
        dice = self.rng.random()
        if dice < 0.35:
            changes |= {"state": "rework", "attempt": old.attempt + 1}
        elif dice < 0.5:
            changes |= {"state": self.rng.choice(["recalled", "closed"])}
        elif dice < 0.7:
            crew = "crew-a" if crew == "crew-b" else "crew-b"
            changes |= {"state": "dispatched", "attempt": old.attempt + 1}
        desk.order(self._work(old.order_id, **changes), crew)

    def _work(self, order_id: str, **values: object) -> Work:
        row: dict[str, object] = {"order_id": order_id, "version": 1, "state": "dispatched", "case_id": f"c-{order_id}"}
        row |= {"incident_id": "i", "case_class": "stall", "class_code": "04-06", "lat": 34.0, "lon": 117.0}
        return Work(**(row | {"deadline": at(self.clock.now_s + 7200)} | values))  # type: ignore[arg-type]
