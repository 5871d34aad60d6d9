"""One `[[targets]]` table of the gateway's settings: where cases of which classes go, and in which words."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.link.settings import SettingsError
from gateway import secrets_file

# Steps that another system's state can be mapped to; what each does to an incident stands in gateway/mirror.py.
Step = Literal[
    "", "taken", "filed", "rejected", "dispatched", "accepted", "disposed", "check_requested", "rework", "closed"
]


class TargetSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`classes`: case classes (`litter`) or codes (`01-10`); empty: everything that no other target names.

    `codes`: our class code -> the target's; a code that is missing is refused with a dead letter, unless `codes` is
    empty (then ours are sent). `states`: the target's state -> our step ("" changes nothing).
    `report`, `verdict`, `op`: bodies of a webhook; `$name` in a text is replaced (see gateway/targets/template.py).
    """

    name: str
    kind: Literal["registry", "open311", "webhook"]
    url: str
    classes: list[str] = []
    order: Literal["incident", "all"] = "incident"
    codes: dict[str, str] = {}
    states: dict[str, Step] = {}
    secret: str = ""
    secret_file: str = ""
    format: Literal["json", "xml"] = "json"
    jurisdiction_id: str = ""
    poll_s: float = 60.0
    auth: Literal["hmac", "header"] = "hmac"
    header: str = "X-Api-Key"
    report: dict[str, Any] = {}
    verdict: dict[str, Any] = {}
    op: dict[str, Any] = {}
    id_path: str = "id"

    def secret_text(self) -> str:
        """The key or secret that we send or sign with, from the file when one is named. Raises SettingsError."""
        return self.secret_texts()[0]

    def secret_texts(self) -> list[str]:
        """All that are good now, the newest first: two while the other side changes over. Raises SettingsError."""
        if not self.secret_file:
            return [self.secret]
        return secrets_file.read(Path(self.secret_file), f"target {self.name}")


def check(targets: list[TargetSettings]) -> list[TargetSettings]:
    """The same list. Raises SettingsError for names that clash, two targets for one class, or cases with no target."""
    names = [t.name for t in targets]
    if doubled := sorted({n for n in names if names.count(n) > 1}):
        raise SettingsError(f"targets: the name '{doubled[0]}' stands twice; give each its own")
    if sum(t.kind == "registry" for t in targets) > 1:
        raise SettingsError("targets: two of kind 'registry'; a gateway follows the events of one")
    claimed = [c for t in targets for c in t.classes]
    if doubled := sorted({c for c in claimed if claimed.count(c) > 1}):
        raise SettingsError(f"targets: class '{doubled[0]}' goes to two targets; name it in one")
    if sum(not t.classes for t in targets) != 1:
        raise SettingsError("targets: exactly one must have no `classes`; it takes what no other names")
    for target in targets:
        _check_one(target)
    return targets


def _check_one(target: TargetSettings) -> None:
    if not target.url.startswith(("http://", "https://")):
        raise SettingsError(f"target {target.name}: url '{target.url}' is not http:// or https://")
    if target.kind == "webhook" and not target.report:
        raise SettingsError(f"target {target.name}: a webhook needs [targets.report], the body that it is sent")
    if target.kind == "webhook" and not target.secret_text():
        raise SettingsError(f"target {target.name}: a webhook needs `secret_file` (or `secret`): it signs what is sent")
