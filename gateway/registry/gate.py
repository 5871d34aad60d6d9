"""The gate before the registry's application: a request proves a role by a service key, or gets nowhere.

Without any key in the settings the registry serves its own machine alone (`zhuomu up`): a request from elsewhere, under
a foreign host's name or passed on by a proxy proves nothing and is refused, but for the doors that are open anyway.
"""

from collections.abc import Sequence

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.registry.doors import may, row_of
from gateway.registry.keys import ServiceKey, holder

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
log = structlog.get_logger()


class Gate:
    """ASGI middleware. `refused`: how many requests got nowhere."""

    def __init__(self, app: ASGIApp, keys: Sequence[ServiceKey]) -> None:
        self._app = app
        self._keys = tuple(keys)
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer 401 (no role is proved) or 403 (the role does not allow it, or the door is shut)."""
        if scope["type"] != "http":  # lifespan; the registry speaks no websocket, and its router refuses one
            await self._app(scope, receive, send)
            return
        status, words = self._judged(HTTPConnection(scope), str(scope["method"]))
        if not status:
            await self._app(scope, receive, send)
            return
        self.refused += 1
        log.warning("registry.refused", path=scope["path"][:200], reason=words, refused=self.refused)
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        await JSONResponse({"error": words}, status, headers)(scope, receive, send)

    def _judged(self, request: HTTPConnection, method: str) -> tuple[int, str]:
        """(0, "") for a request that may pass, else status and words."""
        row = row_of(method, request.url.path)
        if row is not None and row.need == "open":
            return 0, ""
        if not self._keys:
            if _of_this_machine(request):
                return 0, ""
            return 401, "no [[keys]] are set, so this registry serves its own machine alone; see `zhuomu registry key`"
        caller = holder(self._keys, request.headers.get("authorization", ""))
        if caller is None:
            return 401, "prove a role: Authorization: Bearer with a service key (see `zhuomu registry key`)"
        if row is None:
            return 403, "no such door"
        if not may(caller.role, row.need):
            return 403, f"{caller.name} is {caller.role}, which may not {row.need}"
        return 0, ""


def _of_this_machine(request: HTTPConnection) -> bool:
    peer = request.client.host if request.client else ""
    return (
        peer in LOOPBACK
        and (request.url.hostname or "") in LOOPBACK
        and not any(name in request.headers for name in _PASSED_ON)
    )
