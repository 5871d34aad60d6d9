"""The embedded registry as a target; its news come through its event feed (gateway/mirror.py)."""

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from gateway.targets.base import Followed, News, Order, Parcel, Sent, failure, unreachable

REPORTS = "/reports"


class Answered(msgspec.Struct, frozen=True):
    """One report's answer of `/reports/many`."""

    status: int
    body: dict[str, Any] = {}


class EmbeddedRegistry:
    """Takes every parcel as it is, with its Idempotency-Key."""

    def __init__(self, name: str, client: httpx.Client, order: Order = "incident") -> None:
        self.name = name
        self.order: Order = order
        self._client = client
        self._one_by_one = False  # until it is known otherwise

    def send(self, parcel: Parcel) -> Sent:
        """POST to the parcel's own path."""
        try:
            answer = self._client.post(parcel.path, json=parcel.body, headers=parcel.headers)
        except httpx.HTTPError as error:
            return unreachable(error)
        return Sent("done") if answer.is_success else failure(answer)

    def send_many(self, parcels: Sequence[Parcel]) -> list[Sent] | None:
        """Reports in one request, and in one transaction there; None for other steps and for an older registry."""
        if self._one_by_one or any(parcel.path != REPORTS for parcel in parcels):
            return None
        body = [{"key": parcel.key, "body": parcel.body} for parcel in parcels]
        try:
            answer = self._client.post(f"{REPORTS}/many", json=body)
        except httpx.HTTPError as error:
            return [unreachable(error)] * len(parcels)
        if answer.status_code in (404, 405):
            self._one_by_one = True
            return None
        if not answer.is_success:
            return None if answer.status_code < 500 else [failure(answer)] * len(parcels)
        try:
            found = msgspec.json.decode(answer.content, type=list[Answered])
        except msgspec.DecodeError:
            found = []
        if len(found) != len(parcels):  # it is no registry of ours
            self._one_by_one = True
            return None
        return [_sent(one) for one in found]

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """Nothing: the feed tells it."""
        return []

    def close(self) -> None:
        """The client is the gateway's own."""


def _sent(one: Answered) -> Sent:
    """One parcel's answer out of many."""
    return Sent("done") if one.status < 300 else failure(httpx.Response(one.status, json=one.body))
