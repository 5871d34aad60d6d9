"""What stands in `data` of the messages that a gateway needs, by DJI's own names.

Source: DJI Cloud API documentation v1.11, Dock 2: device, organization, config, file, wayline, live, hms. Enumerations
that newer docks may extend are numbers or texts here, and become words in `words`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Sn = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{3,63}$")]
Text = Annotated[str, Meta(max_length=200)]
Key = Annotated[str, Meta(max_length=1000)]
LISTED_MAX = 20


class SubDevice(msgspec.Struct, frozen=True):
    """An aircraft as its dock reports it."""

    sn: Sn
    type: int = 0
    sub_type: int = 0
    index: Text = ""


class Topology(msgspec.Struct, frozen=True):
    """update_topo. sub_devices: empty while the aircraft is off or away. device_secret and nonce are not kept."""

    type: int = 0
    sub_type: int = 0
    sub_devices: Annotated[list[SubDevice], Meta(max_length=LISTED_MAX)] = []


class Device(msgspec.Struct, frozen=True):
    """One serial number."""

    sn: Sn


class BindStatus(msgspec.Struct, frozen=True):
    """airport_bind_status: are these bound?"""

    devices: Annotated[list[Device], Meta(max_length=LISTED_MAX)]


class OrganizationGet(msgspec.Struct, frozen=True):
    """airport_organization_get: whose is this binding code?"""

    device_binding_code: Text
    organization_id: Text = ""


class BindDevice(msgspec.Struct, frozen=True):
    """One device to bind."""

    sn: Sn
    device_binding_code: Text
    organization_id: Text = ""
    device_callsign: Text = ""
    device_model_key: Text = ""


class OrganizationBind(msgspec.Struct, frozen=True):
    """airport_organization_bind: bind these."""

    bind_devices: Annotated[list[BindDevice], Meta(max_length=LISTED_MAX)]


class StorageGet(msgspec.Struct, frozen=True):
    """storage_config_get; module 0 is media."""

    module: int = 0


class ResourceGet(msgspec.Struct, frozen=True):
    """flighttask_resource_get: where is this task's wayline file?"""

    flight_id: Text


class BreakPoint(msgspec.Struct, frozen=True):
    """Where a wayline was broken off: segment or waypoint `index`, and how far along it."""

    index: int = 0
    state: int = 0
    progress: float = 0.0
    wayline_id: int = 0
    break_reason: int = 0
    latitude: float | None = None
    longitude: float | None = None
    height: float | None = None


class ProgressExt(msgspec.Struct, frozen=True):
    """What is known of the flight itself."""

    flight_id: Text = ""
    current_waypoint_index: int = 0
    wayline_mission_state: int = 0
    media_count: int = 0
    break_point: BreakPoint | None = None


class Step(msgspec.Struct, frozen=True):
    """Which step the dock is at, and how much is done."""

    current_step: int = 0
    percent: float = 0


class ProgressOutput(msgspec.Struct, frozen=True):
    """status: sent, in_progress, paused, ok, partially_done, failed, canceled, rejected, timeout."""

    status: Text
    ext: ProgressExt = ProgressExt()
    progress: Step = Step()


class Progress(msgspec.Struct, frozen=True):
    """flighttask_progress."""

    output: ProgressOutput
    result: int = 0


class Ready(msgspec.Struct, frozen=True):
    """flighttask_ready: these tasks' conditions are met."""

    flight_ids: Annotated[list[Text], Meta(max_length=100)]


class FileExt(msgspec.Struct, frozen=True):
    """Of which flight a picture is."""

    flight_id: Text = ""
    is_original: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a picture was taken, WGS-84 degrees."""

    lat: float
    lng: float


class FileMetadata(msgspec.Struct, frozen=True):
    """What the dock tells of a picture; heights in metres."""

    absolute_altitude: float | None = None
    relative_altitude: float | None = None
    create_time: Text = ""
    gimbal_yaw_degree: float | None = None
    shoot_position: Place | None = None


class File(msgspec.Struct, frozen=True):
    """A picture or film that lies in the object store now."""

    object_key: Key
    name: Text = ""
    path: Key = ""
    ext: FileExt = FileExt()
    metadata: FileMetadata = FileMetadata()


class FlightCount(msgspec.Struct, frozen=True):
    """How many of a flight's files have come."""

    uploaded_file_count: int = 0
    expected_file_count: int = 0


class FileUploaded(msgspec.Struct, frozen=True):
    """file_upload_callback."""

    file: File
    flight_task: FlightCount = FlightCount()


class Alarm(msgspec.Struct, frozen=True):
    """One health message. level: 0 notice, 1 reminder, 2 warning."""

    code: Text
    level: int = 0
    module: int = 0
    in_the_sky: int = 0
    imminent: int = 0
    device_type: Text = ""


class Health(msgspec.Struct, frozen=True):
    """hms: at most 20 alarms."""

    alarms: Annotated[list[Alarm], Meta(max_length=LISTED_MAX)] = msgspec.field(name="list")


class ExitHoming(msgspec.Struct, frozen=True):
    """device_exit_homing_notify. action 1: the aircraft has stopped coming home, for `reason`; 0: it does again."""

    action: int
    reason: int = 0
    sn: Text = ""


class ReplyOutput(msgspec.Struct, frozen=True):
    """What some services answer beside their result."""

    status: Text = ""


class Reply(msgspec.Struct, frozen=True):
    """services_reply: 0, or an error code."""

    result: int
    output: ReplyOutput | None = None
