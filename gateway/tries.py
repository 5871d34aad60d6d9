"""A limit on how often one address may try, and on how much it may send: for doors that anybody can knock at."""

from collections import OrderedDict

from fastapi import Request

ADDRESSES_MAX = 10_000


class Tries:
    """A token bucket for each address that holds one minute's worth; the least used are forgotten."""

    def __init__(self, per_min: int) -> None:
        self._per_min = float(per_min)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allowed(self, address: str, now_s: float) -> bool:
        """Take a token. `now_s`: a monotonic clock."""
        left, at_s = self._buckets.pop(address, (self._per_min, now_s))
        left = min(self._per_min, left + (now_s - at_s) * self._per_min / 60.0)
        good = left >= 1.0
        self._buckets[address] = (left - 1.0 if good else left, now_s)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
        return good


async def body_of(request: Request, bytes_max: int) -> bytes | None:
    """The whole body; None when it is larger (the rest is not read)."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            return None
    return body
