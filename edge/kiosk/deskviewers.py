"""Viewers whom the centre's desk has signed in: their offers come over MQTT, and no door to the kiosk need be open.

The kiosk issues the token itself, for the viewing log and the session's end; the key never leaves it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from edge.kiosk.asked import Refusal
from edge.live.refusal import Refused
from edge.live.service import Live
from edge.live.tokens import Tokens
from edge.wire.asks import LeaveAsk, WatchAsk

T = TypeVar("T")


class DeskViewers:
    """Called from threads that may wait; the live view runs on its own loop."""

    def __init__(self, live: Live, tokens: Tokens, viewers_max: int) -> None:
        self._live = live
        self._tokens = tokens
        self._kept_max = 2 * viewers_max
        self._begun: OrderedDict[str, str] = OrderedDict()  # session -> the token that it was begun with

    def watch(self, ask: WatchAsk, timeout_s: float) -> tuple[str, str]:
        """A viewer's offer: (session, SDP answer). Raises Refusal."""
        until_s = int(time.time() + ask.session_s)
        token = f"Bearer {self._tokens.issue(ask.person, 'view', [ask.camera[:64]], until_s, ask.why)}"
        session, answer = self._on_loop(self._live.watch(ask.camera, token, ask.offer, "desk"), timeout_s)
        self._begun[session] = token
        while len(self._begun) > self._kept_max:
            self._begun.popitem(last=False)
        return session, answer

    def leave(self, ask: LeaveAsk, timeout_s: float) -> None:
        """The viewer goes; one that is gone already is no matter. Raises Refusal."""
        token = self._begun.pop(ask.session, None)
        if token is not None:
            self._on_loop(self._live.leave(ask.camera, token, ask.session), timeout_s)

    def _on_loop(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        loop = self._live.loop
        if loop is None:
            work.close()
            raise Refusal(503, "live view is not up yet; try again", "实时画面尚未就绪")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(timeout_s)
        except Refused as error:
            self._live.refused[error.reason] += 1
            raise Refusal(error.status, str(error), error.chinese) from error
        except FutureTimeout:
            future.cancel()
            raise Refusal(504, f"no answer of the camera in {timeout_s:.0f} s", "摄像头未及时应答") from None
