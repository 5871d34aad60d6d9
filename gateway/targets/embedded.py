"""The embedded registry as a target; its news come through its event feed (gateway/mirror.py)."""

from collections.abc import Sequence

import httpx

from gateway.targets.base import Followed, News, Order, Parcel, Sent, failure, unreachable


class EmbeddedRegistry:
    """Takes every parcel as it is, with its Idempotency-Key."""

    def __init__(self, name: str, client: httpx.Client, order: Order = "incident") -> None:
        self.name = name
        self.order: Order = order
        self._client = client

    def send(self, parcel: Parcel) -> Sent:
        """POST to the parcel's own path."""
        try:
            answer = self._client.post(parcel.path, json=parcel.body, headers={"Idempotency-Key": parcel.key})
        except httpx.HTTPError as error:
            return unreachable(error)
        return Sent("done") if answer.is_success else failure(answer)

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """Nothing: the feed tells it."""
        return []

    def close(self) -> None:
        """The client is the gateway's own."""
