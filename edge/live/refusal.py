"""Every refusal of the live view: a number for the program, words for the person."""


class Refused(Exception):
    """What is answered instead: an HTTP status, the reason as one word to count by, English and Chinese words."""

    def __init__(self, status: int, reason: str, words: str, chinese: str, headers: dict[str, str] | None = None):
        super().__init__(words)
        self.status, self.reason, self.words, self.chinese = status, reason, words, chinese
        self.headers = headers or {}


def unauthorised(words: str, chinese: str) -> Refused:
    """401: no token, or one that does not count."""
    return Refused(401, "token", words, chinese, {"WWW-Authenticate": 'Bearer realm="zhuomu live"'})


def full(reason: str, words: str, chinese: str) -> Refused:
    """503 with the advice to come again."""
    return Refused(503, reason, words, chinese, {"Retry-After": "10"})
