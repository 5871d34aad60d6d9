"""A person's word on a case, passed on to the registry: file it, or not, with the reason."""

from typing import Any, Literal

import httpx

Cause = Literal["false_alarm", "permitted", "other", "duplicate"]


class NotDecided(RuntimeError):
    """The registry did not take the decision; `str()` says why, and that nothing has changed."""


class Decider:
    """Speaks to the registry on behalf of the console page."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def file(self, case_id: str, person: str) -> None:
        """File (立案). Raises NotDecided."""
        self._post(case_id, {"person": person, "file": True})

    def reject(self, case_id: str, person: str, cause: Cause, reason: str) -> None:
        """Do not file (不予立案). Raises NotDecided."""
        self._post(case_id, {"person": person, "file": False, "cause": cause, "reason": reason})

    def _post(self, case_id: str, body: dict[str, Any]) -> None:
        try:
            answer = self._client.post(f"/cases/{case_id}/confirm", json=body)
        except httpx.HTTPError as error:
            raise NotDecided(f"案件库无法连接，未作更改 registry unreachable, nothing changed: {error}") from error
        if not answer.is_success:
            raise NotDecided(f"案件库未接受，未作更改 refused, nothing changed: {answer.text[:300]}")
