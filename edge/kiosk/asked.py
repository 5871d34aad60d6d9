"""What the centre asks of a kiosk beside checks and settings: answered once, and again with the same answer."""

import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from edge.wire import TooLarge, encode
from edge.wire.asks import Answer, Ask, LeaveAsk, ReplayAsk, Replayed, WatchAsk

REPLAY_S_MAX = 120.0
WATCH_S_MAX = 20.0
WAITING_MAX = 8
KEPT_MAX = 64
WORKERS = 4

log = structlog.get_logger()
Say = Callable[[Answer], bool]


class Refusal(Exception):
    """The ask is answered with a status and words."""

    def __init__(self, status: int, words: str, chinese: str) -> None:
        super().__init__(words)
        self.status, self.words, self.chinese = status, words, chinese


_STOPPING = Refusal(503, "this kiosk is stopping; ask again when it is back", "岗亭正在停止")


class Shows(Protocol):
    """The part of edge.kiosk.onair that answers viewers; both raise Refusal."""

    def watch(self, ask: WatchAsk, timeout_s: float) -> tuple[str, str]:
        """(session, SDP answer)."""

    def leave(self, ask: LeaveAsk, timeout_s: float) -> None:
        """The viewer goes."""


class Asked:
    """`say` publishes an answer. `shows` None: no live view here. `counters`: what was asked and turned away."""

    def __init__(self, device: str, db: Path, standards: Path, say: Say, shows: Shows | None) -> None:
        self._device, self._db, self._standards = device, db, standards
        self._say = say
        self._shows = shows
        self._pool = ThreadPoolExecutor(WORKERS, "asked")
        self._replaying = threading.Lock()
        self._answers: OrderedDict[str, Answer | None] = OrderedDict()  # None: under way
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self.counters = {"asks": 0, "asks_turned_away": 0}

    def __call__(self, ask: Ask) -> None:
        """For the link; returns at once. An ask that is under way is let be, one that was answered is again."""
        with self._lock:
            if ask.ask_id in self._answers:
                done = self._answers[ask.ask_id]
            else:
                done = self._begin(ask)
        if done is not None:
            self._say(done)

    def close(self) -> None:
        """End what is under way; what comes later is refused."""
        self._closed = True
        if (child := self._child) is not None:
            child.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, ask: Ask) -> Answer | None:
        self.counters["asks"] += 1
        if self._closed:
            return self._refused(ask, _STOPPING)
        if sum(answer is None for answer in self._answers.values()) >= WAITING_MAX:
            self.counters["asks_turned_away"] += 1
            words = f"{WAITING_MAX} questions are under way here; ask again later"
            return self._refused(ask, Refusal(503, words, "正在处理其他请求，请稍后再试"))
        self._answers[ask.ask_id] = None
        while len(self._answers) > KEPT_MAX:
            self._answers.popitem(last=False)
        self._pool.submit(self._work, ask).add_done_callback(_told)
        return None

    def _work(self, ask: Ask) -> None:
        try:
            answer = self._answer(ask)
            encode(answer)
        except Refusal as refusal:
            answer = self._refused(ask, refusal)
        except TooLarge as error:
            answer = self._refused(ask, Refusal(500, f"the answer is too large: {error}", "结果过大"))
        with self._lock:
            self._answers[ask.ask_id] = answer
        self._say(answer)

    def _answer(self, ask: Ask) -> Answer:
        what = ask.what
        if isinstance(what, ReplayAsk):
            with self._replaying:  # one at a time: it costs a core
                return Answer(device=self._device, ask_id=ask.ask_id, replayed=self._replay(what))
        if self._shows is None:
            words = "no live view here: [live] on and desk = true in the kiosk's own file"
            raise Refusal(404, words, "本设备未开放实时画面")
        if isinstance(what, LeaveAsk):
            self._shows.leave(what, WATCH_S_MAX)
            return Answer(device=self._device, ask_id=ask.ask_id)
        session, sdp = self._shows.watch(what, WATCH_S_MAX)
        return Answer(device=self._device, ask_id=ask.ask_id, session=session, sdp=sdp)

    def _replay(self, what: ReplayAsk) -> Replayed:
        if self._closed:
            raise _STOPPING
        command = [sys.executable, "-m", "edge.kiosk.replaying", str(self._db), str(self._standards)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with self._child as child:
            try:
                out, err = child.communicate(msgspec.json.encode(what), REPLAY_S_MAX)
            except subprocess.TimeoutExpired:
                child.kill()
                words = f"the replay did not end in {REPLAY_S_MAX:.0f} s; take a shorter span"
                raise Refusal(504, words, "回放超时，请缩短时间段") from None
        self._child = None
        if child.returncode != 0:
            last = (err.decode(errors="replace").strip().splitlines() or [f"status {child.returncode}"])[-1]
            raise Refusal(422, last.removeprefix("error: ")[:2000], "岗亭未能回放")
        return msgspec.json.decode(out, type=Replayed)

    def _refused(self, ask: Ask, why: Refusal) -> Answer:
        log.info("asked.refused", status=why.status, reason=why.words)
        return Answer(
            device=self._device, ask_id=ask.ask_id, status=why.status, error=why.words[:2000], error_zh=why.chinese
        )


def _told(done: "Future[None]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("asked.failed", error=repr(error))
