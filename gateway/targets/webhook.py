"""A generic webhook: JSON out of templates, the city's own class codes, signed; states come back to `/hooks/<name>`."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from gateway import signing
from gateway.targets.base import Followed, News, Order, Parcel, Sent, failure, unreachable
from gateway.targets.settings import TargetSettings
from gateway.targets.template import UnknownCode, dug, fill, mapped


class Webhook:
    """`wall_s`: Unix seconds, for the signature."""

    def __init__(self, settings: TargetSettings, client: httpx.Client, wall_s: Callable[[], float] = time.time) -> None:
        self.name = settings.name
        self.order: Order = settings.order
        self._settings = settings
        self._secret = settings.secret_text()
        self._client = client
        self._wall_s = wall_s

    def send(self, parcel: Parcel) -> Sent:
        """POST the template of the parcel's kind. A kind without a template is not wanted there."""
        template = {"report": self._settings.report, "verdict": self._settings.verdict, "op": self._settings.op}
        if not template.get(parcel.kind):
            return Sent("done", f"target {self.name} takes no {parcel.kind}")
        try:
            filled = fill(template[parcel.kind], self._values(parcel))
            answer = self._post(msgspec.json.encode(filled), parcel.headers)
        except UnknownCode as error:
            return Sent("refused", str(error))
        except httpx.HTTPError as error:
            return unreachable(error)
        if not answer.is_success:
            return failure(answer)
        if parcel.kind != "report":
            return Sent("done")
        return Sent("done", foreign=True, remote_id=_remote_id(answer, self._settings.id_path) or parcel.incident_id)

    def send_many(self, parcels: Sequence[Parcel]) -> list[Sent] | None:
        """It takes one at a time."""
        return None

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """Nothing: it calls us."""
        return []

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _values(self, parcel: Parcel) -> Mapping[str, Any]:
        values = {**parcel.body, "key": parcel.key, "incident_id": parcel.incident_id}
        if parcel.kind == "report":
            values["code"] = mapped(self._settings.codes, str(parcel.body["class_code"]))
        return values

    def _post(self, body: bytes, own: dict[str, str]) -> httpx.Response:
        headers = {"Content-Type": "application/json", **own}
        if self._settings.auth == "header":
            headers[self._settings.header] = self._secret
        else:
            stamp = str(int(self._wall_s()))
            headers |= {signing.TIMESTAMP: stamp, signing.SIGNATURE: signing.sign(self._secret, stamp, body)}
        return self._client.post(self._settings.url, content=body, headers=headers)


def _remote_id(answer: httpx.Response, path: str) -> str:
    try:
        return dug(msgspec.json.decode(answer.content), path)[:128]
    except msgspec.DecodeError:
        return ""
