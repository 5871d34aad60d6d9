"""What is said without a number: where handsets stand, pieces of photos, that one is empty, who wants to upload."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from edge.wire import ErrorCode, Message, PhotoState, Piece, Pull, UploadAsk, Wiped
from gateway.grants import Asked
from gateway.sync import handsets, uploads
from gateway.sync.uploads import Uploads


@dataclass
class Heard:
    """What the commit of a batch calls for: pages for those who ask, words on photos, tokens."""

    pulls: list[Pull] = field(default_factory=list)
    photos: list[tuple[str, PhotoState]] = field(default_factory=list)
    done: list[Piece] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)


def pieces(store: Uploads, found: Iterable[Piece], gone: set[str], heard: Heard) -> int:
    """Bytes into part files, before the transaction. Returns how many the disk refused: these come again."""
    failed = 0
    for piece in found:
        if piece.device in gone:
            state = PhotoState(sha256=piece.sha256, code=int(ErrorCode.REVOKED), reason=f"{piece.device} was revoked")
        else:
            try:
                state = store.take(piece)
            except OSError:
                failed += 1
                continue
        heard.photos.append((piece.device, state))
        if state.done:
            heard.done.append(piece)
    return failed


def stand(tx: sa.Connection, messages: Iterable[Message | None], now: str) -> None:
    """Where handsets say that they stand, all of a batch at once and before anything else of it."""
    handsets.stand(tx, [message for message in messages if isinstance(message, Pull)], now)


def hear(tx: sa.Connection, message: Message | None, heard: Heard, now: str) -> None:
    """Inside the batch's transaction."""
    if isinstance(message, Pull):
        heard.pulls.append(message)
    elif isinstance(message, UploadAsk):
        heard.asked.append(Asked(message, handsets.is_revoked(tx, message.device)))
    elif isinstance(message, Wiped):
        handsets.wiped(tx, message, now)


def record(tx: sa.Connection, heard: Heard, now: str) -> int:
    """The rows of photos that are complete; returns their bytes."""
    for piece in heard.done:
        uploads.record(tx, piece, now)
    return sum(piece.size_bytes for piece in heard.done)
