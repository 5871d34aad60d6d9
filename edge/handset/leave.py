"""Which photos go by HTTP: too large for one message, asked for over MQTT, granted. Pure; the rest goes in pieces.

Where the centre does not answer the question, refuses it, or is not reached by HTTP, MQTT brings the photo as before.
"""

from edge.wire import PIECE_BYTES_MAX, UploadAsk, UploadGrant

ASKS_MAX = 2  # questions without an answer: the centre is older than they are
FAILURES_MAX = 3


class Leaves:
    """What a restart forgets. `on`: somebody can upload by HTTP."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._asks: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._granted: dict[str, UploadGrant] = {}
        self._under_way: set[str] = set()
        self._in_pieces: set[str] = set()

    def up(self) -> None:
        """The line is there again: everything may be tried once more; what is under way goes on."""
        for known in (self._asks, self._failures, self._granted, self._in_pieces):
            known.clear()

    def holds(self, sha256: str) -> bool:
        """Whether it is granted or under way, so that nothing is to be said about it."""
        return sha256 in self._granted or sha256 in self._under_way

    def ask(self, device: str, sha256: str, size_bytes: int, media: str) -> UploadAsk | None:
        """The question; None for a photo that goes in pieces."""
        if not self._on or size_bytes <= PIECE_BYTES_MAX or sha256 in self._in_pieces:
            return None
        self._asks[sha256] = self._asks.get(sha256, 0) + 1
        if self._asks[sha256] > ASKS_MAX:
            self._in_pieces.add(sha256)
            return None
        return UploadAsk(device=device, sha256=sha256, size_bytes=size_bytes, media_type=media, purpose="photo")  # type: ignore[arg-type]

    def answered(self, grant: UploadGrant) -> None:
        """A token, or words why not; then the pieces' own answer says what is wrong with it."""
        if grant.code or not grant.token:
            self._in_pieces.add(grant.sha256)
        elif self._asks.pop(grant.sha256, 0):
            self._granted[grant.sha256] = grant

    def take(self) -> UploadGrant | None:
        """The next to upload; it is under way from now on."""
        for sha256 in self._granted:
            self._under_way.add(sha256)
            return self._granted.pop(sha256)
        return None

    def ended(self, sha256: str, done: bool) -> int:
        """The upload is over; how often it failed since the line came up."""
        self._under_way.discard(sha256)
        if done:
            return 0
        self._failures[sha256] = self._failures.get(sha256, 0) + 1
        if self._failures[sha256] >= FAILURES_MAX:
            self._in_pieces.add(sha256)
        return self._failures[sha256]
