"""What duty says to crews, leaders and the centre: notices and urgings, as the gateway puts them into the logs."""

import re
from datetime import datetime, timedelta
from typing import Any

from gateway.times import to_text

NOTICE_H = 24.0
_LONG_NUMBER = re.compile(r"\+?\d(?:[\s-]?\d){6,}[0-9Xx]?")

Row = dict[str, Any]


def notice(log: str, name: str, title: str, text: str, now: datetime, hours: float = NOTICE_H) -> Row:
    """One notice into one log; the same name again replaces it. `hours` 0: it is over."""
    expires = to_text(now + timedelta(hours=hours))
    return {"crew": log, "notice_id": name, "title": title[:2000], "text": text[:2000], "expires": expires}


def urging(order_id: str, words: str) -> Row:
    """Urge (催办) the crew that has this order."""
    return {"order_id": order_id, "words": words}


def masked(text: str) -> str:
    """Without telephone and identity numbers: for those who may see no personal data."""
    return _LONG_NUMBER.sub("***", text)
