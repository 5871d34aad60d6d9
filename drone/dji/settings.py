"""Settings of `zhuomu drone dock`: one TOML file, see configs/docks.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from drone.dji.fields import Sn
from edge.link.mqtt import Broker
from edge.link.settings import SettingsError, load

Name = Annotated[str, Meta(min_length=1, max_length=100)]
DOCKS_MAX = 200


class Organization(Struct, frozen=True, forbid_unknown_fields=True):
    """Who the docks belong to, as DJI Pilot shows it when a dock is bound."""

    id: Name
    name: Name


class App(Struct, frozen=True, forbid_unknown_fields=True):
    """The Cloud API licence from developer.dji.com, and the clock that docks set theirs by."""

    id: str = ""
    key: str = ""
    license: str = ""
    ntp_host: str = "ntp.aliyun.com"
    ntp_port: Annotated[int, Meta(ge=1, le=65535)] = 123


class Storage(Struct, frozen=True, forbid_unknown_fields=True):
    """The object store that docks upload pictures to. provider: ali, aws or minio."""

    endpoint: Name
    bucket: Name
    provider: Annotated[str, Meta(pattern="^(ali|aws|minio)$")] = "minio"
    region: str = ""
    access_key_id: str = ""
    access_key_secret: str = ""
    security_token: str = ""
    expire_s: Annotated[int, Meta(ge=60, le=86_400)] = 3600


class Files(Struct, frozen=True, forbid_unknown_fields=True):
    """Where wayline files are served. url: as docks reach it, without a slash at the end."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8094
    url: str = ""


class DockEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One dock that may speak here. binding_code: what is typed into DJI Pilot; aircraft: those that live in it."""

    sn: Sn
    name: Name
    binding_code: Annotated[str, Meta(min_length=8, max_length=100)]
    aircraft: Annotated[tuple[Sn, ...], Meta(max_length=10)] = ()


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. whip: the live ingest's address for a camera, with {camera} in it, and {token} in its query where
    the ingest wants one; live_key: the ingest's data folder, whose `live.key` signs tokens of LIVE_TOKEN_S."""

    organization: Organization
    docks: Annotated[tuple[DockEntry, ...], Meta(min_length=1, max_length=DOCKS_MAX)]
    broker: Broker = Broker()
    app: App = App()
    storage: Storage | None = None
    files: Files = Files()
    whip: str = ""
    live_key: str = ""
    data: str = "data/docks"


def wrong(settings: Settings) -> str:
    """What no type can say is wrong with the settings, "" when nothing is."""
    owners: dict[str, str] = {}
    for dock in settings.docks:
        for sn in (dock.sn, *dock.aircraft):
            if sn in owners:
                return f"{sn} stands under {owners[sn]} and under {dock.sn}; every device has one dock"
            owners[sn] = dock.sn
    if settings.whip and "{camera}" not in settings.whip:
        return "whip: {camera} is missing; as https://live.example/whip/{camera}"
    if "{token}" in settings.whip and "{token}" not in settings.whip.partition("?")[2]:
        return "whip: {token} belongs into the query, where logs and lists leave it out; as ...?access_token={token}"
    if "{token}" in settings.whip and not settings.live_key:
        return "live_key is missing: whip asks for a {token}; give the ingest's data folder, where its live.key lies"
    return ""


def read_settings(path: Path) -> Settings:
    """The file, checked. Raises SettingsError."""
    settings = load(path, Settings)
    fault = wrong(settings)
    if fault:
        raise SettingsError(f"{path}: {fault}")
    return settings
