"""The gateway's settings: one TOML file, every name with a default that works on one machine."""

from pathlib import Path

import msgspec

from edge.link.mqtt import Broker
from edge.link.spans import TraceSettings
from gateway import secrets_file
from gateway.basemap import MapSettings
from gateway.database import sqlite_url
from gateway.devices.settings import IdentitySettings
from gateway.missions import DroneSettings
from gateway.people.settings import PeopleSettings
from gateway.s3 import S3Settings
from gateway.targets.settings import TargetSettings, check
from gateway.uploads import Limits

MIB = 1024 * 1024


class GatewaySettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What `zhuomu gateway --config FILE` reads.

    `registry_key_file`: holds our service key for the embedded registry; "": it asks this machine for none.
    `targets`: where cases go; none: everything to the embedded registry at `registry_url`.
    `database_url`: `postgresql://...` lets several gateways work on one database (configs/cluster/); SQLite else.
    `group`: gateways that name the same one share the messages (MQTT 5); each needs a `client_id` of its own.
    `fleet_token`: who has it may change what devices run; "": nobody may.
    `city`, `standard`: the registry's own files, by which the desk knows places and classes; "": the synthetic city and
    the demo table.
    `keep_*_days`: retention, 0 keeps for ever; nothing of an open incident is ever deleted (gateway/retention.py).
    `phone_mqtt`: the broker's WebSocket address for phones, `{host}` being the name that they call the gateway by;
    `phone_areas`: a GeoJSON file with the city's outlines for their map.
    """

    data: str = "zhuomu-data/gateway"
    host: str = "127.0.0.1"
    port: int = 8080
    broker: Broker = Broker()
    client_id: str = "zhuomu-gateway"
    group: str = ""
    database_url: str = ""
    registry_url: str = "http://127.0.0.1:8081"
    registry_key_file: str = ""
    evidence_bytes_max: int = 2048 * MIB
    uploads: Limits = Limits()
    s3: S3Settings = S3Settings()
    batch_messages_max: int = 256
    batch_wait_ms: float = 20.0
    queue_messages_max: int = 20_000
    queue_bytes_max: int = 128 * MIB
    rate_factor: float = 1.0
    dead_letters_max: int = 10_000
    resend_s: float = 5.0
    resend_s_max: float = 300.0
    poll_s: float = 0.3
    forward_workers: int = 4
    targets: list[TargetSettings] = []
    identity: IdentitySettings = IdentitySettings()
    people: PeopleSettings = PeopleSettings()
    city: str = ""
    standard: str = ""
    keep_messages_days: float = 400.0
    keep_evidence_days: float = 365.0
    keep_dead_letters_days: float = 90.0
    keep_tracks_days: float = 90.0
    track_points_max: int = 50_000  # of one handset; its oldest go first
    retention_every_s: float = 3600.0
    retention_rows_max: int = 2000
    fleet_token: str = ""
    console: bool = True
    phone_mqtt: str = "ws://{host}:9001"
    phone_areas: str = ""
    trace: TraceSettings = TraceSettings()
    map: MapSettings = MapSettings()
    drones: DroneSettings = DroneSettings()
    log_level: str = "info"

    def url(self) -> str:
        """The database's URL: SQLite in the data directory unless another is named."""
        return self.database_url or sqlite_url(Path(self.data) / "gateway.sqlite3")

    def all_targets(self) -> list[TargetSettings]:
        """The targets, or the embedded registry alone. Raises SettingsError."""
        alone = TargetSettings(name="registry", kind="registry", url=self.registry_url)
        return check(list(self.targets) or [alone])

    def embedded_url(self) -> str:
        """Where the embedded registry is; "" when every case goes elsewhere."""
        return next((t.url for t in self.all_targets() if t.kind == "registry"), "")

    def registry_headers(self) -> dict[str, str]:
        """What proves our role to the embedded registry. Raises SettingsError."""
        if not self.registry_key_file:
            return {}
        key = secrets_file.read(Path(self.registry_key_file), "registry_key_file")[0]
        return {"Authorization": f"Bearer {key}"}
