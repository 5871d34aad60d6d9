"""Waiting for an answer: a time-out and a number of tries, in the caller's time."""

# https://mavlink.io/en/services/mission.html#timeouts_retries; measured on ArduCopter: it asks again after 1.0 s.
ANSWER_S = 1.5
ITEM_S = 0.25
TRIES_MAX = 5


class Retry:
    """Counts tries and says when the next one is due. `sent` for each try, `due` on each tick."""

    def __init__(self, wait_s: float, tries_max: int = TRIES_MAX) -> None:
        self.wait_s = wait_s
        self.tries_max = tries_max
        self.tries = 0
        self._due_s: float | None = None

    def sent(self, now_s: float, wait_s: float | None = None) -> None:
        """A try has gone out now; the next is due after wait_s."""
        self.tries += 1
        self._due_s = now_s + (self.wait_s if wait_s is None else wait_s)

    def extend(self, now_s: float, wait_s: float) -> None:
        """The other side works on it: wait longer, without a further try."""
        self._due_s = now_s + wait_s

    def fresh(self, wait_s: float) -> None:
        """A new question, with tries of its own."""
        self.wait_s = wait_s
        self.tries = 0
        self._due_s = None

    def due(self, now_s: float) -> bool:
        """The wait for the last try is over, or nothing was sent yet."""
        return self._due_s is None or now_s >= self._due_s

    @property
    def spent(self) -> bool:
        """All tries have gone out."""
        return self.tries >= self.tries_max
