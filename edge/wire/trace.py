"""One id from the frame to the case: W3C traceparent, `00-<trace 32 hex>-<span 16 hex>-01`. Pure.

https://www.w3.org/TR/trace-context/ A step's span has a number that follows from the trace and the step's name, so that
nothing needs to be remembered between processes, and a step that is done twice is the same span.
"""

import hashlib
import secrets
from typing import Annotated

from msgspec import Meta

TRACEPARENT = r"^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?$"
Traceparent = Annotated[str, Meta(pattern=TRACEPARENT, description="W3C traceparent; empty: not traced")]


def begin() -> str:
    """A new trace with its first span."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def trace_id(traceparent: str) -> str:
    """32 hex digits, for logs; "" of none."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """16 hex digits; "" of none."""
    return traceparent[36:52]


def step(traceparent: str, name: str) -> str:
    """The traceparent of a step below a span; "" of none."""
    if not traceparent:
        return ""
    span = hashlib.sha256(f"{traceparent} {name}".encode()).hexdigest()[:16]
    return f"{traceparent[:36]}{span}{traceparent[52:]}"
