"""What the desk asks of the embedded registry, and the steps that it passes on to it."""

import uuid
from typing import Any

import httpx

from gateway.decide import NotDecided

Row = dict[str, Any]
BULLETIN_TIMEOUT_S = 60.0  # a month that is not kept yet is reckoned anew


class NotAnswered(RuntimeError):
    """The registry cannot be reached or refused; `str()` is one line for the page."""


class RegistryDesk:
    """Over the gateway's own connection; safe from several threads."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def case(self, case_id: str) -> Row | None:
        """A case with its report and events, None when there is none. Raises NotAnswered."""
        return self._get(f"/cases/{case_id}")

    def precision(self, days: int = 90) -> list[Row]:
        """Measured precision by camera x class x hour. Raises NotAnswered."""
        return list(self._rows("/trust", days=days))

    def thresholds(self) -> list[Row]:
        """Proposed and applied. Raises NotAnswered."""
        return list(self._rows("/trust/thresholds"))

    def evaluation(self, month: str) -> Row:
        """A month's figures (`2026-11`). Raises NotAnswered."""
        return self._get("/evaluation", month=month) or {}

    def evaluated_cases(self, month: str, indicator: str, level: str, code: str, part: str) -> list[str]:
        """The cases behind a figure. Raises NotAnswered."""
        told = {"month": month, "indicator": indicator, "level": level, "code": code, "part": part}
        return list((self._get("/evaluation/cases", **told) or {}).get("cases", []))

    def bulletin(self, month: str, lang: str, form: str) -> tuple[bytes, str]:
        """A month's bulletin and its media type. Raises NotAnswered."""
        params = {"month": month, "lang": lang, "form": form}
        try:
            answer = self._client.get("/bulletin", params=params, timeout=BULLETIN_TIMEOUT_S)
        except httpx.HTTPError as error:
            raise NotAnswered(f"案件库无法连接 registry unreachable: {error}") from error
        if not answer.is_success:
            raise NotAnswered(f"案件库未接受 refused: {answer.text[:300]}")
        return answer.content, answer.headers["content-type"]

    def settle(self, number: int, person: str, reason: str, apply: bool) -> None:
        """Apply a proposed threshold or dismiss it. Raises NotDecided."""
        self._post(f"/trust/thresholds/{number}", {"person": person, "reason": reason, "apply": apply})

    def step(self, case_id: str, path: str, body: Row) -> None:
        """One step of the loop. Raises NotDecided."""
        self._post(f"/cases/{case_id}/{path}", body)

    def _rows(self, path: str, **params: Any) -> list[Row]:
        return list((self._get(path, **params) or {}).get("rows", []))

    def _get(self, path: str, **params: Any) -> Row | None:
        try:
            answer = self._client.get(path, params=params)
        except httpx.HTTPError as error:
            raise NotAnswered(f"案件库无法连接 registry unreachable: {error}") from error
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise NotAnswered(f"案件库未接受 refused: {answer.text[:300]}")
        return dict(answer.json())

    def _post(self, path: str, body: Row) -> None:
        # A key of its own: the same step asked for again by the same person is another step.
        headers = {"Idempotency-Key": f"desk-{uuid.uuid4()}"}
        try:
            answer = self._client.post(path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotDecided(f"案件库无法连接，未作更改 registry unreachable, nothing changed: {error}") from error
        if not answer.is_success:
            raise NotDecided(f"案件库未接受，未作更改 refused, nothing changed: {answer.text[:300]}")
