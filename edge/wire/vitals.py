"""How a device feels and what it runs: the parts of a Health message that came after its first version."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=2**53)]
Short = Annotated[str, Meta(max_length=128)]
Reason = Annotated[str, Meta(max_length=500)]
Figures = Annotated[dict[Short, float], Meta(max_length=32)]


class Vitals(Struct, kw_only=True):
    """The process and its machine, null where the machine does not tell.

    `clock_offset_s`: what must be added to the device's clock to have the right time; `clock_source` who said so: the
    gateway's receipts or the kernel's own clock discipline (chrony, ntpd). `queues`: what waits, by name. `times_ms`:
    means since the message before, by name. `disk_used`: bytes by kind of file."""

    uptime_s: float = 0.0
    rss_bytes: Count = 0
    handles: Count = 0
    temperature_c: float | None = None
    clock_offset_s: float | None = None
    clock_source: Literal["", "gateway", "kernel"] = ""
    disk_free_bytes: Count | None = None
    disk_used: Figures = {}
    queues: Figures = {}
    times_ms: Figures = {}


class Versions(Struct, kw_only=True):
    """What a device runs. `config`: the version from afar in force, 0 its own file alone; `config_state`: trial while
    it proves itself; `config_refused`: the newest version that it did not keep, and why."""

    software: Short = ""
    model: Short = ""
    model_sha256: Short = ""
    release: Short = ""
    rules: Short = ""
    config: Count = 0
    config_state: Literal["local", "trial", "good"] = "local"
    config_refused: Count = 0
    config_reason: Reason = ""
