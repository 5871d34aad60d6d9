"""The gate before the whole application: pages, API and the pages' websocket ask here first, and what is not known is
shut. Mounted when `[people] required` is set."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.counters import Counters
from gateway.people import places
from gateway.people.access import Rule, rule_of
from gateway.people.api import Door
from gateway.people.sessions import Session

_NO_PAGE = (
    '<!doctype html><html lang="zh"><meta charset="utf-8"><title>403</title><main><h1>无权访问 not for your role</h1>'
    '<p><a href="/home">返回 back</a> · <a href="/login">重新登录 sign in anew</a></p></main></html>'
)


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, door: Door, counters: Counters) -> None:
        self._app = app
        self._door = door
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer 401 or 403 (a browser that asks for a page without a session is led to /login)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        method = "WEBSOCKET" if scope["type"] == "websocket" else str(scope["method"])
        rule = rule_of(method, request.url.path)
        if rule is not None and rule.kind == "open":
            await self._app(scope, receive, send)
            return
        by_hand = rule is not None and rule.by_hand
        session = await run_in_threadpool(self._door.who, request, by_hand)
        if session is not None and allowed(rule, session):
            await self._app(scope, receive, send)
            return
        self._counters.add("gate_refused")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "sign in first"})
            return
        await _refusal(request, rule, session)(scope, receive, send)


def allowed(rule: Rule | None, session: Session) -> bool:
    """Pure: whether a session may pass."""
    if rule is None or session.first_password:
        return False
    if rule.kind == "signed":
        return True
    at = session.places(rule.permission)
    return places.CITY in at if rule.whole_city else bool(at)


def _refusal(request: HTTPConnection, rule: Rule | None, session: Session | None) -> Response:
    page = "text/html" in request.headers.get("accept", "") and request.scope["method"] == "GET"
    if session is None or session.first_password:
        if page:
            return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
        words = "sign in first: POST /people/session" if session is None else "change the first password first"
        return JSONResponse({"error": words}, 401 if session is None else 403)
    if page:
        return HTMLResponse(_NO_PAGE, 403)
    return JSONResponse({"error": f"needs {rule.permission if rule else 'a door that is there'}"}, 403)
