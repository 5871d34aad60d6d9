"""The incident ids of every case in the embedded registry, page by page over its API."""

from collections.abc import Iterator

import httpx
import msgspec

PAGE = 2000


class _Case(msgspec.Struct):
    case_id: str
    incident_id: str


class _Page(msgspec.Struct):
    cases: list[_Case]


def incident_ids(client: httpx.Client) -> Iterator[str]:
    """Raises httpx.HTTPError, msgspec.DecodeError."""
    after = ""
    while True:
        answer = client.get("/cases", params={"after": after, "limit": PAGE})
        answer.raise_for_status()
        page = msgspec.json.decode(answer.content, type=_Page).cases
        yield from (case.incident_id for case in page)
        if len(page) < PAGE:
            return
        after = page[-1].case_id
