"""The doors of live view: WHEP (draft-ietf-wish-whep-03) for viewers, a plain page that uses it, WHIP (RFC 9725)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from fastapi import FastAPI, Request, Response

from edge.live.refusal import Refused
from edge.live.service import Live

PAGE = Path(__file__).with_name("live.html")
SDP = "application/sdp"
POLICY = (
    "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; media-src 'self' blob:; img-src data:"
)
EXPOSED = "Location, Link, Retry-After"


def create_app(live: Live) -> FastAPI:
    """All routes. A refusal is a problem document (RFC 9457) with words in English and Chinese."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await live.open()
        yield
        await live.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        live.refused[error.reason] += 1
        body = {"status": error.status, "title": error.reason, "detail": error.words, "detail_zh": error.chinese}
        headers = {**error.headers, **_cross(live, request)}
        return Response(msgspec.json.encode(body), error.status, headers, "application/problem+json")

    @app.get("/")
    def page() -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    @app.get("/cameras")
    async def cameras(request: Request) -> Response:
        found = live.cameras(request.headers.get("authorization"))
        return Response(msgspec.json.encode(found), 200, _cross(live, request), "application/json")

    @app.post("/whep/{camera}")
    async def watch(camera: str, request: Request) -> Response:
        token = request.headers.get("authorization")
        offer = await offered(request, live.settings.sdp_bytes_max)
        session, answer = await live.watch(camera, token, offer, request.client.host if request.client else "")
        return _created(live, request, session, answer)

    @app.delete("/whep/{camera}/{session}")
    async def leave(camera: str, session: str, request: Request) -> Response:
        await live.leave(camera, request.headers.get("authorization"), session)
        return Response(status_code=200, headers=_cross(live, request))

    @app.post("/whip/{name}")
    async def publish(name: str, request: Request) -> Response:
        token = request.headers.get("authorization")
        offer = await offered(request, live.settings.sdp_bytes_max)
        session, answer = await live.publish(name, token, offer, request.client.host if request.client else "")
        return _created(live, request, session, answer)

    @app.delete("/whip/{name}/{session}")
    async def unpublish(name: str, session: str, request: Request) -> Response:
        await live.unpublish(name, request.headers.get("authorization"), session)
        return Response(status_code=200, headers=_cross(live, request))

    _refusals(app, live)
    return app


def _refusals(app: FastAPI, live: Live) -> None:
    """What WHEP names and this server does not do, with the reason."""

    @app.options("/{path:path}")
    async def options(request: Request) -> Response:
        return Response(status_code=204, headers={"Accept-Post": SDP, **_cross(live, request)})

    @app.patch("/whip/{camera}/{session}")
    @app.patch("/whep/{camera}/{session}")
    async def patch() -> Response:
        words = "no trickle ICE and no ICE restart here: offer all candidates in the POST, and POST anew after a loss"
        raise Refused(405, "patch", words, "不支持 PATCH：请在 POST 中给出全部候选地址", {"Allow": "DELETE, OPTIONS"})

    @app.api_route("/whip/{camera}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    @app.api_route("/whep/{camera}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    async def endpoint() -> Response:
        raise Refused(405, "method", "POST an SDP offer here", "请以 POST 提交 SDP", {"Allow": "POST, OPTIONS"})


async def offered(request: Request, bytes_max: int) -> str:
    """The body of a POST. Raises Refused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise Refused(415, "media_type", f"send {SDP}", f"须为 {SDP}", {"Accept-Post": SDP})
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            raise Refused(413, "size", f"an offer has at most {bytes_max} bytes here", "SDP 过大")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused(400, "offer", "the body is no UTF-8", "正文不是 UTF-8") from None


def _created(live: Live, request: Request, session: str, answer: str) -> Response:
    headers = {"Location": f"{request.url.path}/{session}", "Cache-Control": "no-store", **_cross(live, request)}
    return Response(answer, 201, headers, SDP)


def _cross(live: Live, request: Request) -> dict[str, str]:
    """Leave for a page of another place, when it is one of those that the settings name."""
    origin = request.headers.get("origin", "")
    if origin not in live.settings.origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "POST, DELETE, GET, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Expose-Headers": EXPOSED,
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
