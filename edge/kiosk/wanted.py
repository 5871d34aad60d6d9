"""What may be changed from afar: this struct's fields and no others, laid over the kiosk's own file.

The device's name, its broker, its data folder, its disk budgets and the keys that it trusts are not among them: who
could change those from afar could take a kiosk away from its city.
"""

import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from edge.care.keeper import Wish, WishRefused
from edge.kiosk.config import CameraSettings, ClipSettings, KioskSettings, check_settings
from edge.kiosk.gating import GateSettings
from edge.kiosk.rulefile import load_rules
from edge.link import SettingsError
from edge.watch.source import NETWORK
from edge.wire.messages import Sha256

WANTED_NAME, RULES_NAME = "wanted.json", "rules.toml"
LIVE = (*NETWORK, "/dev/video")


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The document. null: as the kiosk's own file says. `rules`: a whole rule file as text; `camera`: all cameras;
    `release`: sha256 of a network's release.json."""

    rules: Annotated[str, Meta(max_length=100_000)] | None = None
    camera: Annotated[list[CameraSettings], Meta(min_length=1, max_length=64)] | None = None
    gate: GateSettings | None = None
    clip: ClipSettings | None = None
    gone_s: Annotated[float, Meta(gt=0)] | None = None
    hard_per_hour_max: Annotated[int, Meta(ge=0)] | None = None
    release: Sha256 | None = None


def parsed(body: bytes) -> Wanted:
    """Raises WishRefused."""
    try:
        return msgspec.json.decode(body, type=Wanted)
    except msgspec.DecodeError as error:
        may = ", ".join(Wanted.__struct_fields__)
        raise WishRefused(f"document: {error}; what may be changed from afar is {may}") from error


def merged(local: KioskSettings, wanted: Wanted) -> KioskSettings:
    """The kiosk's own file with the document over it; rules and network are not in here."""
    names = ("camera", "gate", "clip", "gone_s", "hard_per_hour_max")
    values = {name: getattr(wanted, name) for name in names if getattr(wanted, name) is not None}
    return replace(local, **values)


def checked(body: bytes, local: KioskSettings, before: KioskSettings, standards: Path) -> Wish:
    """The whole document, looked at before anything of it is done. `before`: the settings in force; `standards`: where
    the standards lie that rules name. Raises WishRefused."""
    wanted = parsed(body)
    after = merged(local, wanted)
    files = {WANTED_NAME: body}
    try:
        check_settings(after, "document")
        if wanted.rules is not None:
            files[RULES_NAME] = wanted.rules.encode()
            _check_rules(wanted.rules, standards)
    except SettingsError as error:
        raise WishRefused(str(error)) from error
    _check_sources(after, local)
    if wanted.release and not local.care.url:
        raise WishRefused("document: names a network's release, but the kiosk's own file has no [care] url to fetch it")
    known = {c.name: c for c in before.camera}
    changed = {c.name for c in after.camera if known.get(c.name) != c}
    return Wish(files, {c.name for c in after.camera}, changed, wanted.release or "")


def _check_rules(text: str, standards: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / RULES_NAME
        path.write_text(text, encoding="utf-8")
        try:
            load_rules(path, standards)
        except SettingsError as error:
            raise SettingsError(str(error).replace(str(path), "document, rules")) from error


def _check_sources(after: KioskSettings, local: KioskSettings) -> None:
    """From afar a camera may be a network or USB camera, or what the kiosk's own file names; no other file of it."""
    own = {c.source for c in local.camera}
    for camera in after.camera:
        if not camera.source.startswith(LIVE) and camera.source not in own:
            raise WishRefused(
                f"document: camera {camera.name}: source {camera.source!r} is a file; from afar give rtsp:// or "
                "/dev/videoN, or a source that stands in the kiosk's own file"
            )
