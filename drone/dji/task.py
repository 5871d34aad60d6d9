"""One flight task at a dock, from prepare to its end: a pure machine fed with answers, progress, silence and reboots.

What a dock says late, twice or in another order changes nothing: an end is final, and of what is reported on the way
only the newest by the dock's own clock counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from drone.dji import words
from drone.dji.calls import Answer
from drone.dji.fields import BreakPoint, ProgressOutput

SILENT_S = 30.0  # osd comes every 2 s: a dock that says nothing for so long is off the line
NO_PROGRESS_S = 120.0  # a dock that is idle for so long after it was to fly, or came back, does not know the task
CLOCK_BACK_MS = 60_000  # a message older than the newest by more than this is no late one: the dock's clock was set
WAYPOINTS_MAX = 65_535
STUCK_S = 1800.0  # longer than any battery: whatever it does, this flight is over
IDLE = "机场空闲且不报告该任务 / the dock is idle and says nothing of the task"
STUCK = "半小时没有进度 / no progress for half an hour"
BUSY = frozenset({321257, 319001, 319016, 514148})  # "a task is under way": what an execute is answered that came twice


class State(StrEnum):
    """Where a task is."""

    PREPARING = "preparing"
    PREPARED = "prepared"
    STARTING = "starting"
    FLYING = "flying"
    PAUSED = "paused"
    DONE = "done"
    PARTIAL = "partially done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS = frozenset({State.DONE, State.PARTIAL, State.FAILED, State.CANCELLED})
BEGUN = frozenset({State.STARTING, State.FLYING, State.PAUSED})
STATUS: dict[str, State] = {
    "sent": State.STARTING,
    "in_progress": State.FLYING,
    "paused": State.PAUSED,
    "ok": State.DONE,
    "partially_done": State.PARTIAL,
    "failed": State.FAILED,
    "rejected": State.FAILED,
    "timeout": State.FAILED,
    "canceled": State.CANCELLED,
}

ZH: dict[State, str] = {
    State.PREPARING: "准备中",
    State.PREPARED: "已就绪",
    State.STARTING: "启动中",
    State.FLYING: "执行中",
    State.PAUSED: "已暂停",
    State.DONE: "已完成",
    State.PARTIAL: "部分完成",
    State.FAILED: "失败",
    State.CANCELLED: "已取消",
}


@dataclass
class Task:
    """One flight. why: the last thing worth a person's attention; lost: the dock is silent while it flies; unsure:
    how it goes or ended is not known for certain. since_s: from when on a sign of it is waited for; sign_s: when its
    last one came; keys: of pictures that have come."""

    flight_id: str
    dock_sn: str
    conditional: bool = False
    state: State = State.PREPARING
    why: str = ""
    step: int = 0
    percent: float = 0.0
    waypoint: int = 0
    break_point: BreakPoint | None = None
    media: int = 0
    uploaded: int = 0
    expected: int = 0
    lost: bool = False
    unsure: bool = False
    since_s: float | None = None
    sign_s: float | None = None
    newest_ms: float = 0.0
    stale: int = 0
    keys: set[str] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDS

    def prepared(self, answer: Answer) -> None:
        """flighttask_prepare was answered, or not."""
        if self.state is not State.PREPARING:
            return
        if answer.result == 0:
            self.state, self.why = State.PREPARED, ""
        else:
            self._end(State.FAILED, said(answer))

    def executing(self, answer: Answer) -> None:
        """flighttask_execute was answered, or not."""
        if self.over or self.state in (State.FLYING, State.PAUSED):
            return
        if answer.result is None:
            self.unsure = True
            self.why = f"{said(answer)}; 可能已起飞,等待进度 / it may have taken off, waiting for progress"
        elif answer.result == 0:
            self.unsure = False
            self._newer(answer.unix_ms)
        elif answer.result in BUSY:  # a line that repeats messages makes a dock say so of the very flight it has begun
            self.unsure = True
            self.why = f"{said(answer)}; 等待进度 / waiting for progress"
        else:
            self._end(State.FAILED, said(answer))

    def paused(self, answer: Answer, state: State) -> None:
        """flighttask_pause or _recovery was answered: `state` is what it leads to."""
        if self.over:
            return
        if answer.result == 0:
            if self._newer(answer.unix_ms):
                self.state, self.why = state, ""
        else:
            self.why = said(answer)

    def undone(self, answer: Answer) -> None:
        """flighttask_undo was answered: only a task that has not begun can be cancelled by it."""
        if self.over:
            return
        if answer.result == 0:
            self._end(State.CANCELLED, "")
        else:
            self.why = said(answer)

    def returning(self, answer: Answer) -> None:
        """return_home was answered; the end comes as progress."""
        self.why = "返航中 / coming home" if answer.result == 0 else said(answer)

    def progress(self, output: ProgressOutput, result: int, unix_ms: float) -> bool:
        """flighttask_progress. False when it is late, or of a task that has ended, or in a state without a name."""
        state = STATUS.get(output.status)
        newer = self._newer(unix_ms)
        if state is None or self.over or not (newer or state in ENDS):  # an end holds, however late word of it comes
            self.stale += 1
            return False
        self.unsure, self.since_s, self.sign_s = False, None, None
        self.step, self.percent = output.progress.current_step, min(max(output.progress.percent, 0.0), 100.0)
        self.waypoint = min(max(output.ext.current_waypoint_index, 0), WAYPOINTS_MAX)
        self.media = max(output.ext.media_count, self.media)
        self.break_point = output.ext.break_point or self.break_point
        if state in ENDS:
            self._end(state, self._reason(output, result))
        else:
            self.state = state
        return True

    def uploaded_file(self, key: str, uploaded: int, expected: int) -> bool:
        """A picture has come; False when it was known. The counts are the dock's and never go back."""
        new = key not in self.keys
        if len(self.keys) < WAYPOINTS_MAX:
            self.keys.add(key)
        self.uploaded, self.expected = max(uploaded, self.uploaded), max(expected, self.expected)
        return new

    def started(self, now_s: float) -> None:
        """flighttask_execute goes out now."""
        self.state, self.since_s, self.sign_s = State.STARTING, now_s, now_s

    def silence(self, quiet_s: float, now_s: float) -> bool:
        """The dock has said nothing for quiet_s; True when that became a loss, or is over, just now."""
        lost = quiet_s > SILENT_S and self.state in BEGUN
        changed, self.lost = lost != self.lost, lost
        if changed and not lost:
            self.since_s = now_s
        return changed

    def anew(self, now_s: float, unix_ms: float) -> bool:
        """The dock has logged in anew; True when the task was under way. It may still go on with it, but what it said
        of it before is no sign of that."""
        if self.state not in BEGUN:
            return False
        self._newer(unix_ms)
        self.since_s = now_s
        self.why = "机场重新上线,等待进度 / the dock has logged in anew, waiting for progress"
        return True

    def forgotten(self, now_s: float, idle: bool, home: bool) -> bool:
        """A dock that is idle and gives no sign of the task does not know it: it never began, or a restart lost it."""
        if self.state not in BEGUN or self.lost:
            return False
        self.sign_s = now_s if self.sign_s is None or self.state is State.PAUSED else self.sign_s
        waited = self.since_s is not None and now_s - self.since_s >= NO_PROGRESS_S
        if self.unsure and waited and not idle:  # it flies, but not this one
            self._end(State.FAILED, f"没有进度 / no progress; {self.why}")
            return True
        stuck = now_s - self.sign_s >= STUCK_S
        if not stuck and not (waited and idle):
            return False
        self.unsure = True
        place = "飞行器在舱内 / the aircraft is in the dock"
        if not home:
            place = "飞行器不在舱内,请到现场查看 / the aircraft is NOT in the dock, look after it"
        self._end(State.FAILED, f"{STUCK if stuck else IDLE}; {place}")
        return True

    def as_json(self) -> dict[str, Any]:
        """For people and files."""
        broken = msgspec.to_builtins(self.break_point) if self.break_point else None
        return {
            "flight_id": self.flight_id,
            "dock": self.dock_sn,
            "state": self.state.value,
            "state_zh": ZH[self.state],
            "why": self.why,
            "step": words.of(words.STEPS, self.step),
            "percent": self.percent,
            "waypoint": self.waypoint,
            "break_point": broken,
            "pictures": {"taken": self.media, "uploaded": self.uploaded, "expected": self.expected},
            "lost": self.lost,
            "unsure": self.unsure,
            "stale": self.stale,
        }

    def _newer(self, unix_ms: float) -> bool:
        """Whether a message is not older than the newest; the dock's clock may be set back, which is no lateness."""
        if self.newest_ms - CLOCK_BACK_MS <= unix_ms < self.newest_ms:
            return False
        self.newest_ms = unix_ms
        return True

    def _end(self, state: State, why: str) -> None:
        self.state, self.lost = state, False
        self.why = why

    def _reason(self, output: ProgressOutput, result: int) -> str:
        parts = [words.of_code(result)] if result else []
        broken = output.ext.break_point
        if broken and broken.break_reason:
            parts.append(words.of(words.BREAKS, broken.break_reason))
        if output.status in ("rejected", "timeout") and not parts:
            parts.append({"rejected": "机场拒绝 / rejected", "timeout": "超时 / timed out"}[output.status])
        return "; ".join(parts)


def said(answer: Answer) -> str:
    """One line for how a call ended."""
    if answer.result is None:
        return f"机场未应答 {answer.method} / the dock did not answer {answer.method}, sent {answer.tries} times"
    return f"{answer.method}: {words.of_code(answer.result)}"
