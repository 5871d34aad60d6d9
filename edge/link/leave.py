"""Leave to upload: asked for over the device's own topic, kept until it runs out. Told in docs/uploads.md."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from edge.link.upload import Clip, NotNow, NotUploaded
from edge.wire import ErrorCode, Message, Purpose, UploadAsk, UploadGrant

ANSWER_S = 10.0
SPARE = timedelta(seconds=30)  # a token that runs out so soon is not begun with
NEVER = frozenset({ErrorCode.TOO_LARGE, ErrorCode.REVOKED, ErrorCode.NOT_PARSED})


class Leave:
    """`say`: sends a message, False without a line. `given` is the handler of the channel `grant`; `token` is called
    by one thread, which waits for the answer there."""

    def __init__(
        self,
        say: Callable[[Message], bool],
        purpose: Purpose = "evidence",
        answer_s: float = ANSWER_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._say = say
        self._purpose: Purpose = purpose
        self._answer_s = answer_s
        self._clock = clock
        self._changed = threading.Condition()
        self._wanted = ""
        self._given: UploadGrant | None = None
        self.unanswered = 0

    def given(self, grant: UploadGrant) -> None:
        """An answer; one that nobody waits for any more is nothing."""
        with self._changed:
            if grant.sha256 == self._wanted:
                self._given = grant
                self._changed.notify_all()

    def token(self, clip: Clip, sha256: str, size_bytes: int, refused: bool) -> str:
        """The one at hand if it is for this content, or a new one. Raises NotUploaded (never), NotNow."""
        with self._changed:
            held = self._given if not refused and self._wanted == sha256 else None
        if held is None or not held.token or held.expires is None or held.expires - SPARE < self._clock():
            held = self._ask(clip, sha256, size_bytes)
        if held.code in NEVER:
            raise NotUploaded(f"the gateway does not take {sha256}: {held.code}: {held.reason}")
        if held.code:
            raise NotNow(held.reason)
        return held.token

    def _ask(self, clip: Clip, sha256: str, size_bytes: int) -> UploadGrant:
        with self._changed:
            self._wanted, self._given = sha256, None
        values = {"device": clip.device, "sha256": sha256, "size_bytes": size_bytes, "media_type": clip.media_type}
        if not self._say(UploadAsk(**values, purpose=self._purpose)):  # type: ignore[arg-type]
            raise NotNow("there is no line to the broker")
        with self._changed:
            self._changed.wait_for(lambda: self._given is not None, self._answer_s)
            if self._given is None:
                self.unanswered += 1
                raise NotNow("the gateway gave no answer")
            return self._given
