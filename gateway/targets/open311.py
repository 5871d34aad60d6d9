"""An Open311 GeoReport v2 server as a target: reports go in as service requests, their status is asked for."""

from collections.abc import Sequence
from urllib.parse import quote

import httpx

from gateway.georeport import BadDocument, parse
from gateway.targets.base import REASON_MAX, Followed, News, Order, Parcel, Sent, failure, unreachable
from gateway.targets.settings import TargetSettings
from gateway.targets.template import UnknownCode, mapped

DUPLICATE = "duplicate"
NOTE_MAX = 500


class Open311Client:
    """GeoReport v2 has reports alone: crews' steps and cameras' verdicts are not sent."""

    def __init__(self, settings: TargetSettings, client: httpx.Client) -> None:
        self.name = settings.name
        self.order: Order = settings.order
        self._settings = settings
        self._api_key = settings.secret_text()
        self._base = settings.url.rstrip("/")
        self._client = client

    def send(self, parcel: Parcel) -> Sent:
        """File a service request. 400 "duplicate" means that an earlier attempt arrived, so it is delivered."""
        if parcel.kind != "report":
            return Sent("done", f"target {self.name} takes no {parcel.kind}")
        try:
            answer = self._client.post(self._url("requests"), data=self._form(parcel), headers=parcel.headers)
            if answer.status_code == 400 and DUPLICATE in answer.text.lower():
                return Sent("done", foreign=True, remote_id=self._found(parcel))
        except UnknownCode as error:
            return Sent("refused", str(error))
        except httpx.HTTPError as error:
            return unreachable(error)
        return self._taken(answer) if answer.is_success else failure(answer)

    def send_many(self, parcels: Sequence[Parcel]) -> list[Sent] | None:
        """It takes one at a time."""
        return None

    def ask(self, followed: Sequence[Followed]) -> list[News]:
        """Tokens one by one, requests all at once. Raises httpx.HTTPError, BadDocument."""
        news = [self._resolve(one) for one in followed if not one.remote_id and one.token]
        known = {one.remote_id: one.incident_id for one in followed if one.remote_id}
        if not known:
            return news
        rows = self._get("requests", {"service_request_id": ",".join(known)})
        for row in rows:
            remote_id = row.get("service_request_id", "")
            if remote_id in known:
                note = row.get("status_notes", "")[:NOTE_MAX]
                news.append(News(known[remote_id], remote_id, row.get("status", "").lower(), note))
        return news

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _form(self, parcel: Parcel) -> dict[str, str]:
        body = parcel.body
        form = {"service_code": mapped(self._settings.codes, str(body["class_code"])), "api_key": self._api_key}
        form |= {"lat": f"{body['lat']:.7f}", "long": f"{body['lon']:.7f}", "description": _description(parcel)}
        form |= {"device_id": str(body.get("device", "")), "jurisdiction_id": self._settings.jurisdiction_id}
        return {name: value for name, value in form.items() if value}

    def _taken(self, answer: httpx.Response) -> Sent:
        """Delivered, whatever the answer's body is; one without id or token cannot be followed."""
        try:
            rows = parse(answer.content, self._settings.format)
        except BadDocument as error:
            return Sent("done", f"delivered, but the answer cannot be read: {error}"[:REASON_MAX], foreign=True)
        row = rows[0] if rows else {}
        remote_id, token = row.get("service_request_id", "")[:128], row.get("token", "")[:128]
        words = "" if remote_id or token else "delivered, no id given"
        return Sent("done", words, foreign=True, remote_id=remote_id, token=token)

    def _found(self, parcel: Parcel) -> str:
        """The request that an earlier attempt made, known by our incident id in its description; "" when not shown."""
        code = mapped(self._settings.codes, str(parcel.body["class_code"]))
        try:
            rows = self._get("requests", {"service_code": code, "api_key": self._api_key})
        except (httpx.HTTPError, BadDocument):
            return ""
        mine = (r for r in rows if parcel.incident_id in r.get("description", ""))
        return next((r.get("service_request_id", "")[:128] for r in mine), "")

    def _resolve(self, one: Followed) -> News:
        rows = self._get(f"tokens/{quote(one.token, safe='')}", {})
        return News(one.incident_id, next((r.get("service_request_id", "") for r in rows), "")[:128], "")

    def _get(self, path: str, params: dict[str, str]) -> list[dict[str, str]]:
        if self._settings.jurisdiction_id:
            params = {**params, "jurisdiction_id": self._settings.jurisdiction_id}
        answer = self._client.get(self._url(path), params=params)
        answer.raise_for_status()
        return parse(answer.content, self._settings.format)

    def _url(self, path: str) -> str:
        return f"{self._base}/{path}.{self._settings.format}"


def _description(parcel: Parcel) -> str:
    body = parcel.body
    where = f"{body.get('device', '')}/{body.get('camera', '')}"
    return f"{body['class_code']} {body['label']} {where} {body.get('first_seen', '')} [{parcel.incident_id}]"
