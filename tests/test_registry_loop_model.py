"""The case loop against an independent model: what is allowed where is written down here a second time, as a table."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.registry.cases import Case, Event, Refused, Rules
from gateway.registry.clocks import Limit
from gateway.registry.commands import (
    Answer,
    Appeal,
    AskVerify,
    Cancel,
    Command,
    CrewStep,
    Decide,
    Dispatch,
    Due,
    Extend,
    FeedBack,
    File,
    ForceClose,
    Reject,
    Resume,
    Review,
    Suspend,
    Verified,
)
from gateway.registry.loop import step
from gateway.registry.loop_verify import reported
from gateway.registry.standard import Stages

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HOUR = Limit(amount=1, unit="urgent_hour")  # every limit runs on, so that the model can reckon in plain hours
STAGES = Stages(verify=HOUR, file=HOUR, dispatch=HOUR, check=HOUR, appeal=Limit(amount=24, unit="urgent_hour"))
WORKED_ON = {"filed", "dispatched", "handling", "rework"}
OPEN = WORKED_ON | {"disposed", "checking", "needs_person", "suspended"}
OVER = {"rejected", "closed", "force_closed", "cancelled"}
# Where each command is allowed, whatever else must hold.
ALLOWED: dict[str, set[str]] = {
    "ask": {"reported", "to_file"},
    "verified": {"verifying"},
    "file": {"reported", "to_file"},
    "reject": {"reported", "to_file"},
    "dispatch": {"filed"},
    "accepted": {"dispatched", "rework"},
    "arrived": {"dispatched", "rework", "handling"},
    "disposed": {"dispatched", "rework", "handling"},
    "returned": {"dispatched", "rework", "handling"},
    "feed_back": {"disposed"},
    "due": {"checking"},
    "decide": {"needs_person"},
    "suspend": WORKED_ON | {"needs_person"},
    "resume": {"suspended"},
    "extend": WORKED_ON,
    "force": OPEN,
    "cancel": OPEN,
    "appeal": {"closed", "force_closed"},
    "review": {"closed", "force_closed"},
}
PEOPLE = st.sampled_from(["Ms Li", "Mr Wu", "Ms Qin"])
REASONS = st.sampled_from(["it is so", ""])
SELDOM = st.sampled_from(["", "", "", "it is so"])  # for what ends a case: most ways should go on


def fits(*names: str) -> Any:
    """Most ways go where something is allowed; in the ways that stray, everything is tried everywhere."""
    return precondition(lambda self: self.strays or any(self.state in ALLOWED[name] for name in names))


class Loop(RuleBasedStateMachine):
    """One case, driven by commands that often fit; the model says beforehand whether each is taken, and to where."""

    @initialize(by_person=st.booleans(), crews=st.integers(1, 2), far=st.integers(0, 7), strays=st.booleans())
    def begin(self, by_person: bool, crews: int, far: int, strays: bool) -> None:
        self.strays = strays
        names = tuple(f"crew-{n}" for n in range(crews))
        self.rules = Rules(crews=names, recheck_limit=1, stages=STAGES, feed_back_by_person=by_person)
        place: dict[str, Any] = {"lat": 34.0, "lon": 117.0, "reported_at": NOW, "limit_hours": 2.0}
        names_of = {"case_class": "stall", "class_code": "04-06", "label": "stall"}
        self.case = reported(Case(case_id="c", incident_id="i", **names_of, **place), self.rules)
        self.now, self.state, self.log = NOW, "reported", list[Event]()
        self.live = self.returned = self.found_nothing = self.fresh_check = False
        self.crew, self.misses, self.extended, self.left = "", 0, 0, timedelta()
        self.deadline: datetime | None = None
        self.disposed_at: datetime | None = None
        self.closed_at: datetime | None = None
        self.closed_due: datetime | None = None
        self.appeal, self.appeal_people = "", list[str]()
        self.due_at: datetime | None = None
        self.walk(far)

    def walk(self, far: int) -> None:
        """Some of the ways begin further on, or the ends of long ones would hardly ever be seen: 5 is closed late."""
        ways = [
            lambda: self.file("seen"),
            lambda: self.dispatch(0),
            lambda: self.time_goes_by(130),
            lambda: (self.crew_step("disposed", False, ""), self.rules.feed_back_by_person and self.feed_back()),
            lambda: self.answer("cleared", False),
            lambda: self.make_appeal("Ms Li", "the road was closed"),
            lambda: self.review("Mr Wu", True, "it was"),
        ]
        for way in ways[:far]:
            way()

    def give(self, command: Command, name: str, also: bool = True) -> bool:
        """Give the command; it must be taken exactly when the table and `also` say so."""
        want = self.state in ALLOWED[name] and also
        before = self.case
        try:
            self.case, events = step(self.case, command, self.now, self.rules)
        except Refused:
            assert not want, f"{name} was refused in {self.state}"
            return False
        assert want, f"{name} was taken in {self.state}"
        assert events or name == "dispatch"
        assert all(event.actor for event in events)
        assert before.times == self.case.times or events
        self.log += events
        return True

    @rule(minutes=st.sampled_from([1, 10, 45, 130, 1500]))
    def time_goes_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @fits("ask")
    @rule()
    def ask(self) -> None:
        if self.give(AskVerify("Ms Li", "collector-1"), "ask"):
            self.state = "verifying"

    @fits("verified")
    @rule(there=st.booleans(), reason=REASONS)
    def verified(self, there: bool, reason: str) -> None:
        command = Verified("collector-1", "there" if there else "not_there", reason)
        if self.give(command, "verified", there or bool(reason)):
            self.state, self.found_nothing = "to_file", not there

    @fits("file")
    @rule(reason=REASONS)
    def file(self, reason: str) -> None:
        if self.give(File("Ms Li", reason), "file", bool(reason) or not self.found_nothing):
            self.state, self.deadline = "filed", self.now + timedelta(hours=2)

    @fits("reject")
    @rule(reason=SELDOM)
    def reject(self, reason: str) -> None:
        if self.give(Reject("Ms Li", reason), "reject", bool(reason)):
            self.state = "rejected"

    @fits("dispatch")
    @rule(turn=st.integers(0, 3))
    def dispatch(self, turn: int) -> None:
        others = [crew for crew in self.rules.crews if crew != self.crew]
        if not self.give(Dispatch(turn), "dispatch"):
            return
        if not others:
            self.state = "needs_person"
            return
        self.crew, self.live, self.returned = others[turn % len(others)], True, False
        self.state = "dispatched"

    @fits("accepted", "arrived")
    @rule(kind=st.sampled_from(["accepted", "arrived", "disposed", "returned"]), old=st.booleans(), reason=REASONS)
    def crew_step(self, kind: Any, old: bool, reason: str) -> None:
        version = self.case.order_version - old
        command = CrewStep(kind, self.case.order_id, version, "crew", reason)
        if not self.give(command, kind, not old and (kind != "returned" or bool(reason))):
            return
        if kind in ("accepted", "arrived"):
            self.state = "handling"
        elif kind == "returned":
            self.state, self.live, self.returned = "filed", False, True
        elif self.rules.feed_back_by_person:
            self.state, self.misses = "disposed", 0
        else:
            self.checking(first=True)

    @fits("feed_back")
    @rule()
    def feed_back(self) -> None:
        if self.give(FeedBack("Mr Wu"), "feed_back"):
            self.checking(first=True)

    def checking(self, first: bool) -> None:
        self.state, self.fresh_check = "checking", True
        self.due_at = self.now + timedelta(seconds=self.rules.check_timeout_s)
        if first:
            self.misses = 0
            self.disposed_at = self.disposed_at or self.now

    @fits("due", "appeal")
    @rule(verdict=st.sampled_from(["cleared", "still_there", "cannot_see"]), old=st.booleans())
    def answer(self, verdict: Any, old: bool) -> None:
        """A verdict is always written down; it moves only a check that is under way and was not answered yet."""
        check = "chk-older" if old else self.case.check_id
        before = self.case
        self.case, events = step(self.case, Answer(check, verdict, "kiosk-1/cam-1"), self.now, self.rules)
        self.log += events
        if self.state != "checking" or old or not self.fresh_check:
            assert self.case == before and [event.kind for event in events] == ["verdict_late"]
        elif verdict == "cleared":
            self.close("closed")
        elif verdict == "still_there":
            self.state = "rework"
        else:
            self.miss(timedelta(seconds=self.rules.recheck_s))

    def miss(self, wait: timedelta) -> None:
        self.misses += 1
        if self.misses > 1:
            self.state = "needs_person"
        else:
            self.fresh_check, self.due_at = False, self.now + wait

    @fits("due")
    @rule()
    def timer(self) -> None:
        due = self.due_at is not None and self.due_at <= self.now
        if not self.give(Due(), "due", due):
            return
        if self.fresh_check:
            self.miss(timedelta())
        else:
            self.checking(first=False)

    @fits("decide")
    @rule(decision=st.sampled_from(["close", "again", "check"]))
    def decide(self, decision: Any) -> None:
        also = {"close": not self.returned, "again": True, "check": self.live}[decision]
        if not self.give(Decide("Mr Wu", decision, "seen by myself"), "decide", also):
            return
        if decision == "close":
            self.close("closed")
        elif decision == "check":
            self.misses = 0
            self.checking(first=False)
        elif self.live:
            self.state = "rework"
        else:
            self.state, self.crew = "filed", ""

    def close(self, state: str) -> None:
        self.closed_due = self.deadline + timedelta(hours=1) if self.deadline else None
        self.state, self.live, self.closed_at = state, False, self.now

    @fits("suspend")
    @rule(reason=REASONS)
    def suspend(self, reason: str) -> None:
        if self.give(Suspend("Mr Wu", reason), "suspend", bool(reason)):
            assert self.deadline is not None
            self.left = max(timedelta(), self.deadline - self.now)
            self.deadline = None if self.left else self.deadline
            self.state, self.live = "suspended", False

    @fits("resume")
    @rule(reason=REASONS)
    def resume(self, reason: str) -> None:
        if self.give(Resume("Mr Wu", reason), "resume", bool(reason)):
            self.deadline = self.now + self.left if self.left else self.deadline
            self.state, self.crew = "filed", ""

    @fits("extend")
    @rule(hours=st.sampled_from([0.0, 1.0, 2.0, 2.5]), reason=REASONS)
    def extend(self, hours: float, reason: str) -> None:
        in_time = self.deadline is not None and self.now < self.deadline
        also = bool(reason) and in_time and self.extended < 1 and 0 < hours <= 2
        if self.give(Extend("Mr Wu", hours, reason), "extend", also):
            assert self.deadline is not None
            self.deadline += timedelta(hours=hours)
            self.extended += 1

    @fits("force")
    @rule(reason=SELDOM)
    def force(self, reason: str) -> None:
        if self.give(ForceClose("Mr Wu", reason), "force", bool(reason) and not self.returned):
            self.close("force_closed")

    @fits("cancel")
    @rule(reason=SELDOM)
    def cancel(self, reason: str) -> None:
        if self.give(Cancel("Mr Wu", reason), "cancel", bool(reason)):
            self.state, self.live = "cancelled", False

    @fits("appeal")
    @rule(person=PEOPLE, reason=REASONS)
    def make_appeal(self, person: str, reason: str) -> None:
        also = bool(reason) and not self.appeal and self.was_late()
        also = also and self.closed_at is not None and self.now <= self.closed_at + timedelta(hours=24)
        if self.give(Appeal(person, reason), "appeal", also):
            self.appeal, self.appeal_people = "asked", [person]

    def was_late(self) -> bool:
        if self.deadline is None or self.closed_at is None or self.closed_due is None:
            return False
        return (self.disposed_at or self.closed_at) > self.deadline or self.closed_at > self.closed_due

    @fits("review")
    @rule(person=PEOPLE, grant=st.booleans(), reason=REASONS)
    def review(self, person: str, grant: bool, reason: str) -> None:
        also = self.appeal in ("asked", "passed_once") and person not in self.appeal_people and bool(reason)
        if self.give(Review(person, grant, reason), "review", also):
            self.appeal_people.append(person)
            self.appeal = {"asked": "passed_once", "passed_once": "granted"}[self.appeal] if grant else "refused"

    @invariant()
    def the_case_is_where_the_model_is(self) -> None:
        if not hasattr(self, "case"):
            return
        assert (self.case.state, self.case.deadline) == (self.state, self.deadline)
        assert (self.case.order_live, self.case.returned, self.case.appeal) == (self.live, self.returned, self.appeal)

    @invariant()
    def no_forbidden_state_was_reached(self) -> None:
        if not hasattr(self, "case"):
            return
        case, kinds = self.case, [event.kind for event in self.log]
        assert not (case.returned and case.state in ("closed", "force_closed")), "closed straight after a return"
        assert not (case.order_live and case.state in OVER | {"filed", "suspended"}), "a crew has an order of no use"
        if case.state in ("closed", "force_closed", "cancelled"):
            assert kinds.count("filed") == 1, "over without ever having been filed, or filed twice"
        if case.state == "closed":
            closing = self.log[kinds.index("closed") - 1]
            cleared = closing.kind == "verdict" and closing.data["verdict"] == "cleared"
            assert cleared or self.log[kinds.index("closed")].actor == "Mr Wu"
        assert sum(kinds.count(kind) for kind in ("closed", "force_closed", "cancelled", "rejected")) <= 1
        assert (case.times.exempted is not None) == (case.appeal == "granted")
        if case.appeal == "granted":
            assert len(set(case.appeal_people)) == 3, "an appellant and two other people"
        asked_of_people = {"suspended", "resumed", "extended", "force_closed", "cancelled", "appealed", "rejected"}
        assert all(event.reason for event in self.log if event.kind in asked_of_people | {"returned"})


TestLoop = Loop.TestCase
TestLoop.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
