"""Secrets in files, changed without a gap: one on each line, the first is used, all are accepted.

`rotate` puts a new one on top and keeps the one before; `finish` drops that when the other side has changed over. The
file is read at the gateway's start.
"""

import secrets
from pathlib import Path

from edge.evidence.files import write_whole
from edge.link.settings import SettingsError

GOOD_MAX = 2


def read(path: Path, whose: str) -> list[str]:
    """The secrets that are good now, the newest first. Raises SettingsError."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingsError(f"{whose}: {path}: {words}; put the secret there") from None
    good = [line for line in lines if line]
    if len(good) > GOOD_MAX:
        raise SettingsError(f"{whose}: {path}: {len(good)} secrets, {GOOD_MAX} lines are the most; drop the oldest")
    return good or [""]


def rotate(path: Path) -> str:
    """A new secret in front of the present one; returns it. Raises SettingsError, OSError."""
    present = read(path, "secret")[:1] if path.exists() else []
    made = secrets.token_urlsafe(32)
    write_whole(path, "\n".join([made, *filter(None, present)]).encode() + b"\n")
    return made


def finish(path: Path) -> int:
    """Only the newest is good from the next start on; returns how many were dropped. Raises SettingsError, OSError."""
    good = read(path, "secret")
    write_whole(path, good[0].encode() + b"\n")
    return len(good) - 1
