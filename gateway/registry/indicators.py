"""The indicators of evaluation (综合评价): each a rate with its numerator and denominator, over one kind of due time.

A period is [start, end); `as_of` is when it is reckoned: what happened at or after it does not count. A case counts in
the period in which the thing was due, so its clock decides, not the day of the report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = Any  # a row of `cases`: its times as fixed-width UTC text, which compare like instants
Test = Callable[[Row, str], bool]


@dataclass(frozen=True)
class Indicator:
    """`over`: the column whose time must lie in the period (the denominator); `counts(row, as_of)`: the numerator."""

    name: str
    name_zh: str
    over: str
    numerator: str
    denominator: str
    counts: Test


def by(instant: str | None, as_of: str) -> bool:
    """Whether something was done by then."""
    return instant is not None and instant < as_of


def _done(column: str) -> Test:
    return lambda row, as_of: by(getattr(row, column), as_of)


def _in_time(done: str, due: str) -> Test:
    def test(row: Row, as_of: str) -> bool:
        instant = getattr(row, done)
        return by(instant, as_of) and instant <= getattr(row, due)

    return test


def _excused(test: Test) -> Test:
    """An appeal that was granted (申诉通过) exempts the statistic; the late time stays in the row."""
    return lambda row, as_of: test(row, as_of) or by(row.exempted, as_of)


def _valid(row: Row, as_of: str) -> bool:
    return by(row.filed, as_of) or (by(row.rejected, as_of) and row.reject_cause == "permitted")


def _decided(row: Row, as_of: str) -> bool:
    first = min(filter(None, (row.filed, row.rejected)), default=None)
    return by(first, as_of) and first is not None and first <= row.file_due


def _disposed(row: Row, as_of: str) -> bool:
    return by(row.disposed, as_of) or by(row.closed, as_of)


def _disposed_in_time(row: Row, as_of: str) -> bool:
    first = min(filter(None, (row.disposed, row.closed)), default=None)
    return by(first, as_of) and first is not None and first <= row.dispose_due


def _dispatched_right(row: Row, as_of: str) -> bool:
    return by(row.dispatched, as_of) and not by(row.returned, as_of)


def _filed_right(row: Row, as_of: str) -> bool:
    return by(row.filed, as_of) and not by(row.cancelled, as_of)


_REPORTS, _TO_FILE, _FILED = "reports 上报", "due to be filed or rejected 应立案", "filed in the period 立案"
_DISPATCH, _DISPOSE = "due to be dispatched 应派遣", "due to be disposed of 应处置"
_CLOSE = "due to be closed 应结案"

INDICATORS = (
    Indicator("filing", "立案率", "reported_at", "filed 立案", _REPORTS, _done("filed")),
    Indicator(
        "valid_report", "有效上报率", "reported_at", "filed, or rejected as permitted 有效上报", _REPORTS, _valid
    ),
    Indicator("filing_in_time", "按期立案率", "file_due", "filed or rejected in time 按期立案", _TO_FILE, _decided),
    Indicator("filing_accurate", "准确立案率", "filed", "not cancelled 准确立案", _FILED, _filed_right),
    Indicator(
        "dispatch_in_time",
        "按期派遣率",
        "dispatch_due",
        "first dispatched in time 按期派遣",
        _DISPATCH,
        _in_time("dispatched", "dispatch_due"),
    ),
    Indicator(
        "dispatch_accurate", "准确派遣率", "dispatch_due", "never returned 准确派遣", _DISPATCH, _dispatched_right
    ),
    Indicator("disposal", "处置率", "dispose_due", "disposed of, or closed 处置", _DISPOSE, _disposed),
    Indicator(
        "disposal_in_time",
        "按期处置率",
        "dispose_due",
        "disposed of in time, or exempted 按期处置",
        _DISPOSE,
        _excused(_disposed_in_time),
    ),
    Indicator(
        "overdue",
        "超期待处置率",
        "dispose_due",
        "overdue and not disposed of 超期待处置",
        _DISPOSE,
        lambda row, as_of: not _disposed(row, as_of),
    ),
    Indicator("extension", "延期率", "dispose_due", "extended 延期", _DISPOSE, _done("extended")),
    Indicator("rework", "返工率", "close_due", "sent back after a check 返工", _CLOSE, _done("reworked")),
    Indicator("closing", "结案率", "close_due", "closed 结案", _CLOSE, _done("closed")),
    Indicator(
        "closing_in_time",
        "按期结案率",
        "close_due",
        "closed in time, or exempted 按期结案",
        _CLOSE,
        _excused(_in_time("closed", "close_due")),
    ),
    Indicator(
        "verify_in_time",
        "按期核实率",
        "verify_due",
        "verified in time 按期核实",
        "due to be verified 应核实",
        _in_time("verified", "verify_due"),
    ),
    Indicator(
        "check_in_time",
        "按期核查率",
        "check_due",
        "first checked in time 按期核查",
        "due to be checked 应核查",
        _in_time("checked", "check_due"),
    ),
)
NAMES = tuple(indicator.name for indicator in INDICATORS)
BY_NAME = {indicator.name: indicator for indicator in INDICATORS}
# A cancelled case (作废) is due for nothing any more; it still counts as a report, and against the filing's accuracy.
KEEPS_CANCELLED = frozenset({"reported_at", "file_due", "verify_due", "filed"})
