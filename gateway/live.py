"""Live view for who is signed in: a browser's WHEP offer goes to the kiosk as an ask, and its answer back.

Only the signalling comes by here; pictures go from the kiosk to the browser, encrypted, redacted as the kiosk is set.
"""

import time
from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from edge.wire import WireError
from edge.wire.asks import SDP_CHARS_MAX, LeaveAsk, WatchAsk
from gateway.asks import Asker, NotAnswered
from gateway.people.api import Door
from gateway.take import DEVICE
from gateway.tries import Tries, body_of

SDP = "application/sdp"
ANSWER_S = 15.0
PER_MIN = 120  # offers of one person
WHY_MAX = 200
log = structlog.get_logger()


def add_live(app: FastAPI, asker: Asker, door: Door, monotonic_s: Callable[[], float] = time.monotonic) -> None:
    """Mount `/api/live/<device>/<camera>`: POST an offer, DELETE the session."""
    tries = Tries(PER_MIN)

    @app.post("/api/live/{device}/{camera}")
    async def watch(
        device: str, camera: str, request: Request, why: Annotated[str, Query(max_length=WHY_MAX)] = ""
    ) -> Response:
        if not DEVICE.fullmatch(device) or len(camera) > 64:
            raise HTTPException(404, "没有此摄像头 no such camera")
        if not why.strip():
            raise HTTPException(422, "请填写理由 give a reason: ?why=")
        offer = await body_of(request, SDP_CHARS_MAX)
        if offer is None:
            raise HTTPException(413, f"an offer has at most {SDP_CHARS_MAX} bytes")
        person = await run_in_threadpool(_person, door, request)
        if not tries.allowed(person, monotonic_s()):
            raise HTTPException(429, f"一分钟内超过 {PER_MIN} 次 more than {PER_MIN} viewings in a minute; wait")
        what = WatchAsk(camera=camera, offer=offer.decode(errors="replace"), person=person[:64], why=why.strip())
        return await run_in_threadpool(_watched, asker, door, request, device, what)

    @app.delete("/api/live/{device}/{camera}/{session}")
    def leave(device: str, camera: str, session: str, request: Request) -> Response:
        if DEVICE.fullmatch(device) and len(camera) <= 64 and len(session) <= 128:
            try:
                asker.ask(device, LeaveAsk(camera=camera, session=session), _person(door, request))
            except (NotAnswered, WireError) as error:
                log.info("live.not_left", device=device, reason=str(error))  # it ends by its silence
        return Response(status_code=200)


def _person(door: Door, request: Request) -> str:
    """Who is signed in; where nobody has to be, the demo's own name."""
    return door.need(request, "live.view").name if door.required else "demo"


def _watched(asker: Asker, door: Door, request: Request, device: str, what: WatchAsk) -> Response:
    """Into the log first: nobody looks without a row."""
    if door.required:
        session = door.need(request, "live.view")
        door.people.tell(session, "live.viewed", f"{device}/{what.camera}", what.why)
    try:
        answer = asker.answer(asker.ask(device, what, what.person), ANSWER_S)
    except NotAnswered as error:
        raise HTTPException(error.status, str(error)) from error
    except WireError as error:
        raise HTTPException(422, str(error)) from error
    where = f"/api/live/{device}/{what.camera}/{answer.session}"
    return Response(answer.sdp, 201, {"Location": where, "Cache-Control": "no-store"}, SDP)
