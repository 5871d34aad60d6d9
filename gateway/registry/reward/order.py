"""Who was first: the order of reports by what the centre can prove, never by a device's own clock.

A report is proven to exist from the instant at which the centre received it, or anything that the same stream numbered
after it: a handset that was offline numbers its messages one by one, and when number 7 came in, number 5 was there
already, whenever it arrived itself. So the key is the earliest receipt of any message of the stream with that number or
a higher one. What a device says of its own time is not looked at. A device that leaves numbers out on purpose and fills
them later could gain by it; citizens have no such device, and the city's handsets are known by name.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

EARTH_M = 6_371_008.8


@dataclass(frozen=True)
class Claim:
    """One report of one incident. `stream`, `seq`: whose numbering (device and epoch; the citizens' door's own);
    `kind`: class by which reports are compared; `person`: pseudonym, "" for a camera or nobody known;
    `counts`: whether anything was there (a false alarm was first of nothing); `over`: when its case ended, or ""."""

    case_id: str
    stream: str
    seq: int
    received_at: str
    kind: str
    class_code: str
    lat: float
    lon: float
    source: str = "camera"
    person: str = ""
    insider: str = ""
    counts: bool = True
    over: str = ""


def proven(claims: Iterable[Claim]) -> dict[str, str]:
    """Case id -> the instant (UTC text) from which its report is proven to exist."""
    streams: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        streams[claim.stream].append(claim)
    found: dict[str, str] = {}
    for rows in streams.values():
        earliest = ""
        for claim in sorted(rows, key=lambda c: (-c.seq, c.received_at)):
            earliest = min(earliest, claim.received_at) if earliest else claim.received_at
            found[claim.case_id] = earliest
    return found


def first(claims: Iterable[Claim], since: dict[str, str]) -> Claim:
    """The first of reports of one incident; ties go by number, receipt and case id, the same everywhere."""
    return min(claims, key=lambda c: (since[c.case_id], c.stream, c.seq, c.received_at, c.case_id))


def metres(a: Claim, b: Claim) -> float:
    """Between two points, WGS-84, on a sphere (haversine); within 0.5 % at a street's distances."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half_lat, half_lon = (lat_b - lat_a) / 2, math.radians(b.lon - a.lon) / 2
    inner = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(inner)))
