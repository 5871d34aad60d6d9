"""The registry's settings: one TOML file, every name with a default that works on one machine."""

from pathlib import Path

import msgspec

from edge.link.spans import TraceSettings
from gateway.database import sqlite_url
from gateway.registry.keys import ServiceKey
from gateway.registry.trust.policy import Policy


class RegistrySettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What `zhuomu registry --config FILE` reads.

    `auto_file`: classes (`stall`) or codes (`04-06`) that are filed (立案) without a person, everywhere or for one
    camera (`04-06@kiosk-1/cam-1`). Empty by default:
    Administrative Penalty Law art. 41 wants a person's review before a device's record is evidence, so a city that
    switches this on takes that review over into its own procedure. Switched on, a class is filed only by a camera and
    in an hour that have earned it (`auto_file_policy`), unless `auto_file_unmeasured` (for demonstrations): see
    gateway/registry/trust. `standard`: the filing standard (TOML), the demo
    table unless named; `city`: the city's places (JSON, see `zhuomu registry city`), by which cases count for a
    subdistrict. `feed_back_by_person`: a disposal is checked when the department has fed back (反馈), not before.
    `keys`: which system proves which role here (gateway/registry/doors.py); none: this machine alone is served.
    """

    data: str = "zhuomu-data/registry"
    host: str = "127.0.0.1"
    port: int = 8081
    database_url: str = ""
    standard: str = ""
    city: str = ""
    auto_file: list[str] = []
    auto_file_unmeasured: bool = False
    auto_file_policy: Policy = Policy()
    crews: list[str] = []
    recheck_s: float = 10.0
    recheck_limit: int = 5
    check_timeout_s: float = 300.0
    extensions_max: int = 1
    feed_back_by_person: bool = False
    duty: str = ""  # the duty plan (TOML); "" gives orders to `crews` in turn
    citizens: str = ""  # the TOML file of the citizens' door (Open311); "" leaves it shut
    trace: TraceSettings = TraceSettings()
    keys: list[ServiceKey] = []
    log_level: str = "info"

    def url(self) -> str:
        """The database's URL: SQLite in the data directory unless another is named."""
        return self.database_url or sqlite_url(Path(self.data) / "registry.sqlite3")
