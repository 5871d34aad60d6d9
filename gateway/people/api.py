"""Operators over HTTP: sign in and out, a new password, the audit log; and the guard before the evidence.

The session is a cookie that scripts cannot read and other sites cannot send (HttpOnly, SameSite=Strict, Secure).
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import HTTPConnection

from gateway.counters import Counters
from gateway.database import Database
from gateway.people import ledger
from gateway.people.passwords import TooWeak
from gateway.people.places import CITY
from gateway.people.sessions import People, Refused, Session
from gateway.people.settings import PeopleSettings
from gateway.tries import Tries, body_of

COOKIE = "zm_session"
BODY_BYTES_MAX = 8 * 1024
TRIES_PER_MIN = 20  # of one address
TOLD_MAX = 10_000
Guard = Callable[[Request, str], None]


class SignIn(msgspec.Struct):
    """`code`: of the authenticator app."""

    name: str
    password: str
    code: str


class NewPassword(msgspec.Struct):
    """The person's own."""

    old: str
    new: str


class Door:
    """Who asks, out of a request. The desk's pages use `who` and `need`."""

    def __init__(self, people: People, settings: PeopleSettings) -> None:
        self.people = people
        self._settings = settings
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def required(self) -> bool:
        """Whether anybody has to sign in at all."""
        return self._settings.required

    def who(self, request: HTTPConnection, by_hand: bool = True) -> Session | None:
        """Who is signed in, None for nobody. `by_hand`: see People.session."""
        token = request.cookies.get(COOKIE, "")
        return self.people.session(token, by_hand) if token else None

    def need(self, request: HTTPConnection, permission: str) -> Session:
        """Whoever is signed in and may. Raises HTTPException 401, 403."""
        session = self.who(request)
        if session is None:
            raise HTTPException(401, "sign in first: POST /people/session")
        if not session.may(permission):
            words = "change the password that you were given first" if session.first_password else f"needs {permission}"
            raise HTTPException(403, words)
        return session

    def person(self, request: HTTPConnection, given: str) -> str:
        """Whose word a request is: whoever is signed in; the name that was given where nobody has to sign in."""
        session = self.who(request) if self._settings.required else None
        return session.name if session is not None else given

    def places(self, request: HTTPConnection, permission: str) -> tuple[str, ...]:
        """Where whoever asks has this permission; the whole city where nobody has to sign in. The gate has let the
        request through, and nothing is counted as done by hand."""
        if not self._settings.required:
            return (CITY,)
        session = self.who(request, by_hand=False)
        return session.places(permission) if session is not None else ()

    def picture(self, request: Request, sha256: str) -> None:
        """Before a picture is shown: who may, and into the log who looked, once for a session and picture. `?why=`:
        the reason that the person gave. Raises HTTPException."""
        if not self._settings.required:
            return
        session = self.need(request, "picture.view")
        key = (request.cookies.get(COOKIE, ""), sha256)
        if key in self._told:
            self._told.move_to_end(key)
            return
        self.people.tell(session, "picture.viewed", sha256, request.query_params.get("why", "")[:500])
        self._told[key] = None
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)


def add_people(
    app: FastAPI,
    door: Door,
    database: Database,
    settings: PeopleSettings,
    counters: Counters,
    monotonic_s: Callable[[], float],
) -> None:
    """Mount `/people/...`."""
    tries = Tries(TRIES_PER_MIN)

    @app.post("/people/session")
    async def sign_in(request: Request) -> Response:
        if not tries.allowed(request.client.host if request.client else "", monotonic_s()):
            return _refuse(counters, 429, f"more than {TRIES_PER_MIN} tries in a minute; wait")
        told = await _body(request, SignIn)
        try:
            token = await run_in_threadpool(door.people.sign_in, told.name, told.password, told.code)
        except Refused as error:
            return _refuse(counters, 401, str(error))
        session = await run_in_threadpool(door.people.session, token)
        answer = _json(_about(session))
        life_s = int(settings.session_s)
        answer.set_cookie(COOKIE, token, life_s, httponly=True, secure=settings.cookie_secure, samesite="strict")
        return answer

    @app.delete("/people/session")
    def sign_out(request: Request) -> Response:
        door.people.sign_out(request.cookies.get(COOKIE, ""))
        answer = _json({"ended": True})
        answer.delete_cookie(COOKIE, httponly=True, secure=settings.cookie_secure, samesite="strict")
        return answer

    @app.get("/people/session")
    def me(request: Request) -> Response:
        session = door.who(request)
        return _json(_about(session)) if session is not None else _json({"error": "nobody is signed in"}, 401)

    @app.post("/people/password")
    async def password(request: Request) -> Response:
        session = await run_in_threadpool(door.who, request)
        if session is None:
            return _refuse(counters, 401, "sign in first: POST /people/session")
        told = await _body(request, NewPassword)
        try:
            await run_in_threadpool(door.people.change_password, session, told.old, told.new)
        except TooWeak as error:
            return _refuse(counters, 422, str(error))
        except Refused as error:
            return _refuse(counters, 403, str(error))
        return _json({"changed": True})

    @app.get("/people/audit")
    def audit(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        below: Annotated[int, Query(ge=1, le=2**53)] = 2**53,
        actor: Annotated[str, Query(max_length=64)] = "",
        subject: Annotated[str, Query(max_length=128)] = "",
    ) -> Response:
        session = door.need(request, "audit.read")
        with database.read() as tx:
            rows = ledger.listed(tx, limit, actor, subject, below)
        door.people.tell(session, "audit.read", subject or actor, "")
        return _json({"rows": rows})


async def _body(request: Request, kind: type[Any]) -> Any:
    body = await body_of(request, BODY_BYTES_MAX)
    if body is None:
        raise HTTPException(413, f"over {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(400, f"not what is expected here: {error}") from error


def _about(session: Session | None) -> dict[str, Any]:
    if session is None:
        return {}
    may = sorted(session.permissions)
    rest = {"first_password": session.first_password, "ends_at": session.ends_at}
    return {"name": session.name, "roles": list(session.roles), "permissions": may, **rest}


def _refuse(counters: Counters, status: int, reason: str) -> Response:
    counters.add("people_refused")
    return _json({"error": reason}, status)


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
