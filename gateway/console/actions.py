"""What may be done with a case on its page: by which permission, in which states; the registry has the last word."""

from dataclasses import dataclass
from typing import Any, Literal

Row = dict[str, Any]
Extra = Literal["", "hours", "collector", "cause", "reason_optional"]
_WORKED_ON = ("filed", "dispatched", "handling", "rework")
_OPEN = (*_WORKED_ON, "disposed", "checking", "needs_person", "suspended")
_OVER = ("closed", "force_closed")


@dataclass(frozen=True)
class Action:
    """`path`: below /cases/<id>. `body`: what is sent besides who and why. `extra`: what else the person must give."""

    name: str
    chinese: str
    english: str
    permission: str
    path: str
    states: tuple[str, ...]
    body: tuple[tuple[str, Any], ...] = ()
    extra: Extra = ""
    who: Literal["person", "collector"] = "person"
    appeal: tuple[str, ...] = ()  # states of an appeal in which it is allowed; none: whatever they are

    def request(self, person: str, reason: str, extra: Any) -> Row:
        """What the registry is sent."""
        given: Row = {str(self.extra): extra} if self.extra in ("hours", "collector", "cause") else {}
        return {self.who: person, "reason": reason, **dict(self.body), **given}

    @property
    def needs_reason(self) -> bool:
        """Whether it is refused without words."""
        return self.extra not in ("reason_optional", "collector")


_NEW = ("reported", "to_file")
ACTIONS: tuple[Action, ...] = (
    Action("file", "立案", "File", "case.decide", "confirm", _NEW, (("file", True),), "reason_optional"),
    Action("reject", "不予立案", "Reject", "case.decide", "confirm", _NEW, (("file", False),), "cause"),
    Action("verify", "派人核实", "Send a collector", "case.decide", "verify", _NEW, (), "collector"),
    Action(
        "there",
        "核实属实",
        "Verified: there",
        "case.collect",
        "verified",
        ("verifying",),
        (("found", "there"),),
        "reason_optional",
        "collector",
    ),
    Action(
        "not_there",
        "核实不属实",
        "Verified: not there",
        "case.collect",
        "verified",
        ("verifying",),
        (("found", "not_there"),),
        "",
        "collector",
    ),
    Action("suspend", "挂账", "Suspend", "case.dispatch", "suspend", (*_WORKED_ON, "needs_person")),
    Action("resume", "恢复", "Take up again", "case.dispatch", "resume", ("suspended",)),
    Action("extend", "延期", "Extend", "case.dispatch", "extend", _WORKED_ON, (), "hours"),
    Action("feedback", "反馈", "Feed back", "case.feedback", "feedback", ("disposed",)),
    Action("appeal", "超时申诉", "Appeal", "case.feedback", "appeal", _OVER, appeal=("",)),
    Action("close", "核查通过", "Check: close", "case.check", "decide", ("needs_person",), (("decision", "close"),)),
    Action("again", "返工", "Check: work again", "case.check", "decide", ("needs_person",), (("decision", "again"),)),
    Action("check", "再核查", "Look again", "case.check", "decide", ("needs_person",), (("decision", "check"),)),
    Action("force", "强制结案", "Close by order", "case.supervise", "force-close", _OPEN),
    Action("cancel", "作废", "Cancel", "case.supervise", "cancel", _OPEN),
    Action(
        "grant",
        "同意申诉",
        "Grant the appeal",
        "case.supervise",
        "review",
        _OVER,
        (("grant", True),),
        appeal=("asked", "passed_once"),
    ),
    Action(
        "refuse",
        "驳回申诉",
        "Refuse the appeal",
        "case.supervise",
        "review",
        _OVER,
        (("grant", False),),
        appeal=("asked", "passed_once"),
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}


def allowed(case: Row, may: frozenset[str]) -> list[Action]:
    """Pure: those for a case in its present state, to somebody who has these permissions where the case lies."""
    return [
        action
        for action in ACTIONS
        if action.permission in may
        and case["state"] in action.states
        and (not action.appeal or case.get("appeal", "") in action.appeal)
    ]
