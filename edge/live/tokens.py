"""Tokens that let a named person view or publish for a while: signed with a key that stays on the device."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from edge.live.refusal import Refused, unauthorised

PREFIX = "zl1"
KEY_BYTES = 32
TOKEN_CHARS_MAX = 4096
HOURS_MAX = 24 * 31.0
EVERY = "*"

Scope = Literal["view", "publish"]
CameraName = Annotated[str, Meta(min_length=1, max_length=64)]


class KeyUnreadable(OSError):
    """The key file cannot be used; `str()` is one line."""


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says. `cameras`: names, or "*" alone for every one; `until_s`: UTC seconds since 1970; `why`: what
    the viewing is for, which stands in the viewing log."""

    id: Annotated[str, Meta(min_length=8, max_length=32)]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scope: Scope
    cameras: Annotated[list[CameraName], Meta(min_length=1, max_length=64)]
    until_s: int
    why: Annotated[str, Meta(min_length=1, max_length=200)]


class Tokens:
    """Issues and checks tokens under one key. `now_s`: UTC seconds; the device's clock, so a token's end is only as
    exact as that."""

    def __init__(self, key: bytes, revoked: frozenset[str] = frozenset()) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a token key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._revoked = revoked

    def issue(self, name: str, scope: Scope, cameras: list[str], until_s: int, why: str) -> str:
        """A new token. Raises msgspec.ValidationError for a name or reason that is empty or too long."""
        grant = Grant(secrets.token_hex(8), name, scope, cameras, until_s, why)
        body = msgspec.json.encode(msgspec.convert(msgspec.to_builtins(grant), Grant))
        return ".".join((PREFIX, _text(body), _text(self._mac(body))))

    def check(self, authorization: str | None, scope: Scope, camera: str | None, now_s: float) -> Grant:
        """The grant behind `Authorization: Bearer ...` for a camera (None: for any). Raises Refused."""
        grant = self._opened(authorization)
        if grant.id in self._revoked:
            raise unauthorised("this token was withdrawn; ask for a new one", "令牌已被撤销，请重新申请")
        if now_s >= grant.until_s:
            raise unauthorised("this token has expired; ask for a new one", "令牌已过期，请重新申请")
        if grant.scope != scope:
            words = f"this token is for {grant.scope}, not for {scope}; ask for one that is"
            raise Refused(403, "scope", words, "令牌用途不符，请申请相应的令牌")
        if camera is not None and EVERY not in grant.cameras and camera not in grant.cameras:
            raise Refused(403, "scope", f"this token is not for camera {camera!r}", "令牌不包含此摄像头")
        return grant

    def id_of(self, token: str) -> str:
        """The id of a token that this key issued. Raises Refused."""
        return self._opened(f"Bearer {token}").id

    def _opened(self, authorization: str | None) -> Grant:
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise unauthorised("send a token: Authorization: Bearer ...", "缺少令牌")
        parts = token.strip().split(".")
        if len(token) > TOKEN_CHARS_MAX or len(parts) != 3 or parts[0] != PREFIX:
            raise unauthorised("this is no token of a zhuomu kiosk", "令牌格式不对")
        try:
            body, mac = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[1:])
        except (binascii.Error, ValueError):
            raise unauthorised("this is no token of a zhuomu kiosk", "令牌格式不对") from None
        if not hmac.compare_digest(mac, self._mac(body)):
            raise unauthorised("this token was not issued by this kiosk, or was changed", "令牌无效")
        try:
            return msgspec.json.decode(body, type=Grant)
        except msgspec.DecodeError:
            raise unauthorised("this token comes from another version; ask for a new one", "令牌版本不符") from None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, PREFIX.encode() + b"\0" + body, hashlib.sha256)


def token_key(data: Path) -> bytes:
    """The device's own key, made when there is none: `live.key`, readable by its owner alone. Deleting it makes every
    token worthless. Raises KeyUnreadable."""
    path = data / "live.key"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise KeyUnreadable(f"{path}: cannot be used as the token key ({error.strerror}); mend the folder") from error
    if len(key) != KEY_BYTES:
        raise KeyUnreadable(f"{path}: holds no token key; delete it, and every token must be issued anew")
    return key


def _make(path: Path) -> None:
    """Whole or not at all, and never over a key that another process has just made."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        out.write(secrets.token_bytes(KEY_BYTES))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
