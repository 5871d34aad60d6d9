"""The `[identity]` table of the gateway's settings: who may speak, how long certificates last, how much a day."""

from typing import Annotated

import msgspec
from msgspec import Meta

MIB = 1024 * 1024


class IdentitySettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`require`: only devices that were claimed are taken in (revoked ones never are).

    `broker_files`: folder that the broker reads (`zhuomu gateway acl` writes it), "" when the broker asks the hook.
    `broker_pid_file`: of the broker that is told, by SIGHUP, to read it again. `hook_secret_file`: what EMQX sends as
    `X-Zhuomu-Hook`; "" keeps that door shut. `*_per_day_max`: of one device in one UTC day.
    """

    require: bool = False
    certificate_days: Annotated[float, Meta(gt=0.0, le=825.0)] = 30.0
    code_hours: Annotated[float, Meta(gt=0.0, le=720.0)] = 72.0
    broker_files: str = ""
    broker_pid_file: str = ""
    hook_secret_file: str = ""
    bytes_per_day_max: Annotated[int, Meta(ge=1)] = 256 * MIB
    evidence_bytes_per_day_max: Annotated[int, Meta(ge=1)] = 2048 * MIB
    queue_per_device_max: Annotated[int, Meta(ge=1)] = 1024
