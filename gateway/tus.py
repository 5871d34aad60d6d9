"""tus 1.0.0 at `/uploads`: core, creation, checksum, termination, expiration. https://tus.io/protocols/resumable-upload

An upload is content-addressed: its metadata names device and sha256, and only when all bytes are here and are those
of the hash it becomes evidence. Who may: `gateway/grants.py`. Why our own: docs/decisions/0008-tus.md.
"""

import asyncio
import base64
import binascii
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from gateway.counters import Counters
from gateway.database import Database
from gateway.evidence import EvidenceStore
from gateway.finished import finish
from gateway.grants import Grants
from gateway.tables import evidence
from gateway.times import Clock, to_text
from gateway.uploads import MIB, Coming, UploadRefused, Uploads

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,termination,expiration"
CHECKSUMS = ("sha256", "sha1")
CHECKED_BYTES_MAX = 4 * MIB  # a chunk with a checksum is held in memory until it is known to be right
MISMATCH = 460
QUIET_S_MAX = 30.0
OFFSET_TYPE = "application/offset+octet-stream"

log = structlog.get_logger()


class Door:
    """What the routes share."""

    def __init__(
        self,
        database: Database,
        pictures: EvidenceStore,
        uploads: Uploads,
        counters: Counters,
        clock: Clock,
        grants: Grants,
    ) -> None:
        self.grants = grants
        self.database = database
        self.pictures = pictures
        self.uploads = uploads
        self.counters = counters
        self.clock = clock

    def create(self, request: Request) -> Response:
        """POST: 201 with the place to send to; content that is here already is at its end."""
        coming = _coming(request)
        self._prove(request, coming)
        if self._has(coming):
            finish(self, coming, None)
            return _answer(201, Location=f"/uploads/{coming.id}", Upload_Offset=str(coming.size_bytes))
        self.grants.room(coming, coming.size_bytes - self.uploads.offset(coming.id))
        found = self.uploads.create(coming, self._finished(coming.device))
        if self.uploads.offset(found) == coming.size_bytes:  # its last byte came, and then something failed
            with self.uploads.alone(found):
                self._finish(coming)
            return _answer(201, Location=f"/uploads/{found}", Upload_Offset=str(coming.size_bytes))
        return self._at(201, found, Location=f"/uploads/{found}")

    def head(self, upload_id: str, request: Request) -> Response:
        """HEAD: how much is here."""
        coming = self.uploads.find(upload_id)
        self._prove(request, coming)
        return self._at(200, upload_id, Upload_Length=str(coming.size_bytes), Cache_Control="no-store")

    def delete(self, upload_id: str, request: Request) -> Response:
        """DELETE: give it up."""
        self._prove(request, self.uploads.find(upload_id))
        with self.uploads.alone(upload_id):
            self.uploads.drop(upload_id)
        return _answer(204)

    async def patch(self, upload_id: str, request: Request) -> Response:
        """PATCH: more of it. What came before a broken line stays."""
        coming = self.uploads.find(upload_id)
        await run_in_threadpool(self._prove, request, coming)
        if request.headers.get("content-type") != OFFSET_TYPE:
            raise UploadRefused(415, f"Content-Type must be {OFFSET_TYPE}")
        with self.uploads.alone(upload_id) as handle:
            offset = os.fstat(handle).st_size
            if request.headers.get("upload-offset") != str(offset):
                raise UploadRefused(409, f"Upload-Offset must be {offset}; ask with HEAD and go on from there")
            self.grants.room(coming, coming.size_bytes - offset)
            try:
                await _take(handle, request, offset, coming.size_bytes)
            except (ClientDisconnect, TimeoutError):
                log.info("upload.broken_off", upload=upload_id, offset=os.fstat(handle).st_size)
            except OSError as error:
                log.error("upload.not_written", upload=upload_id, reason=str(error))
                raise UploadRefused(507, f"the centre's disk does not take it ({error.strerror}); try later") from error
            finally:
                await run_in_threadpool(os.fsync, handle)
                self.grants.spent(coming, os.fstat(handle).st_size - offset)
            if os.fstat(handle).st_size == coming.size_bytes:
                await run_in_threadpool(self._prove, request, coming)  # the bytes may have taken their time
                await run_in_threadpool(self._finish, coming)
                return _answer(204, Upload_Offset=str(coming.size_bytes))
        return self._at(204, upload_id)

    def _finish(self, coming: Coming) -> None:
        try:
            finish(self, coming, self.uploads.part(coming.id))
        except OSError as error:
            log.error("upload.not_kept", upload=coming.id, reason=str(error))
            raise UploadRefused(507, f"the centre has no room for it now ({error.strerror}); try later") from error

    def _prove(self, request: Request, coming: Coming) -> None:
        self.grants.prove(request.headers.get("authorization", ""), coming)

    def _at(self, status: int, upload_id: str, **headers: str) -> Response:
        until = datetime.fromtimestamp(self.uploads.expires_at(upload_id), UTC)
        headers |= {"Upload_Offset": str(self.uploads.offset(upload_id))}
        return _answer(status, Upload_Expires=format_datetime(until, usegmt=True), **headers)

    def _has(self, coming: Coming) -> bool:
        with self.database.read() as tx:
            here = sa.select(evidence.c.sha256).where(evidence.c.sha256 == coming.sha256, evidence.c.stored)
            return tx.scalar(here) is not None

    def _finished(self, device: str) -> int:
        since = to_text(self.clock() - timedelta(days=1))
        mine = sa.and_(evidence.c.device == device, evidence.c.stored_at >= since, evidence.c.kind == "clip")
        with self.database.read() as tx:
            return int(tx.scalar(sa.select(sa.func.sum(evidence.c.size_bytes)).where(mine)) or 0)


def add_uploads(app: FastAPI, door: Door) -> None:
    """The routes."""

    def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, UploadRefused)
        door.counters.add("uploads_refused")
        asks = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        return Response(str(error), error.status, {"Tus-Resumable": VERSION, "Tus-Version": VERSION} | asks)

    app.add_exception_handler(UploadRefused, refused)

    @app.options("/uploads")
    def options() -> Response:
        most = str(door.uploads.limits.upload_bytes_max)
        told = {"Tus_Version": VERSION, "Tus_Extension": EXTENSIONS, "Tus_Max_Size": most}
        return _answer(204, **told, Tus_Checksum_Algorithm=",".join(CHECKSUMS))

    @app.post("/uploads")
    def create(request: Request) -> Response:
        _version(request)
        return door.create(request)

    @app.head("/uploads/{upload_id}")
    def head(upload_id: str, request: Request) -> Response:
        _version(request)
        return door.head(upload_id, request)

    @app.delete("/uploads/{upload_id}")
    def delete(upload_id: str, request: Request) -> Response:
        _version(request)
        return door.delete(upload_id, request)

    @app.patch("/uploads/{upload_id}")
    async def patch(upload_id: str, request: Request) -> Response:
        _version(request)
        return await door.patch(upload_id, request)


async def _take(handle: int, request: Request, offset: int, size: int) -> None:
    """Write the body behind what is there; with a checksum all of it or nothing."""
    os.lseek(handle, offset, os.SEEK_SET)
    expected = _checksum(request)
    if expected is None:
        async for chunk in _pieces(request):
            offset += len(chunk)
            if offset > size:
                raise UploadRefused(413, f"more than the {size} bytes that were announced")
            await run_in_threadpool(_write, handle, chunk)
        return
    body = bytearray()
    async for chunk in _pieces(request):
        body += chunk
        if len(body) > CHECKED_BYTES_MAX or offset + len(body) > size:
            raise UploadRefused(413, f"a chunk with a checksum may have {CHECKED_BYTES_MAX} bytes, the whole {size}")
    name, digest = expected
    if hashlib.new(name, body).digest() != digest:
        raise UploadRefused(MISMATCH, "these are not the bytes of the checksum; send the chunk again")
    await run_in_threadpool(_write, handle, bytes(body))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TimeoutError when nothing comes for a while: others may want to go on with it."""
    stream = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), QUIET_S_MAX)
        except StopAsyncIteration:
            return


def _write(handle: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.write(handle, data[done:])


def _version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise UploadRefused(412, f"Tus-Resumable must be {VERSION}")


def _checksum(request: Request) -> tuple[str, bytes] | None:
    text = request.headers.get("upload-checksum")
    if text is None:
        return None
    name, _, value = text.partition(" ")
    if name not in CHECKSUMS:
        raise UploadRefused(400, f"Upload-Checksum: only {', '.join(CHECKSUMS)}")
    try:
        return name, base64.b64decode(value, validate=True)
    except binascii.Error:
        raise UploadRefused(400, "Upload-Checksum: not base64") from None


def _coming(request: Request) -> Coming:
    """Upload-Length and Upload-Metadata (`name base64,name base64`) -> what is coming. Raises UploadRefused (400)."""
    length = request.headers.get("upload-length", "")
    if not (length.isascii() and length.isdigit() and len(length) < 16):
        raise UploadRefused(400, "Upload-Length must be a number; a deferred length is not supported")
    values: dict[str, Any] = {"size_bytes": int(length)}
    try:
        for pair in request.headers.get("upload-metadata", "").split(","):
            name, _, value = pair.strip().partition(" ")
            values[name] = base64.b64decode(value, validate=True).decode()
        values["redacted"] = values.get("redacted") == "true"
        return msgspec.convert(values, Coming)
    except (binascii.Error, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise UploadRefused(400, f"Upload-Metadata: {error}") from error


def _answer(status: int, **headers: str) -> Response:
    return Response(
        status_code=status, headers={"Tus-Resumable": VERSION} | {n.replace("_", "-"): v for n, v in headers.items()}
    )
