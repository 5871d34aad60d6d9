"""A simulated DJI dock with its aircraft, as the Cloud API's documentation describes one: pure, in the caller's time.

Written from the documentation and not from `drone.dji`, which it is to test; it shares no code with it. Assumed,
because the documentation does not say: a dock does not know a service by its tid when it comes twice, resends an event
that wants an answer, takes a flight's number once, and calls a flight that was called home "canceled".
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

AGAIN_S = 1.0
TRIES_MAX = 8
TIME_OFF_MS = 30_000
LIVE_WHIP = 4

Fetch = Callable[[str], bytes | None]
Json = dict[str, Any]


@dataclass
class Script:
    """How this dock behaves. refuse: result codes by service; forgets: a reboot loses the flight; leg_s, step_s, osd_s,
    boot_s: seconds of the simulation; pictures: taken on a flight."""

    refuse: dict[str, int] = field(default_factory=dict)
    forgets: bool = False
    leg_s: float = 0.3
    step_s: float = 0.1
    osd_s: float = 0.5
    boot_s: float = 0.5
    pictures: int = 2


@dataclass
class Wait:
    """Something said that wants an answer."""

    topic: str
    message: Json
    tries: int = 0
    due_s: float = 0.0


class SimDock:
    """One dock. code, organization: what was typed into DJI Pilot. Seen from outside: `flown` (flights that took off),
    `ended` (flight to status), `live` (video to URL), `config`, `bound`."""

    def __init__(self, sn: str, aircraft: str, code: str, organization: str, fetch: Fetch, script: Script) -> None:
        self.sn, self.aircraft, self.script = sn, aircraft, script
        self.code, self.organization, self._fetch = code, organization, fetch
        self.flown: list[str] = []
        self.ended: dict[str, str] = {}
        self.live: dict[str, str] = {}
        self.config: Json = {}
        self.bound = False
        self.storage: Json | None = None
        self.unanswered = 0
        self._out: list[tuple[str, Json]] = []
        self._prepared: dict[str, Json] = {}
        self._begun: set[str] = set()
        self._flight: Json | None = None
        self._start(0.0)

    def _start(self, now_s: float) -> None:
        self._waits: dict[str, Wait] = {}
        self._up_s = now_s + self.script.boot_s
        self._stage = "off"
        self._osd_s = 0.0

    def reboot(self, now_s: float) -> None:
        """Power off and on; what was prepared is lost. The aircraft goes on by itself."""
        self._prepared.clear()
        self.live.clear()
        if self._flight and (self.script.forgets or not self._flight["kmz"]):
            self._flight = None
        self._start(now_s)

    def take(self) -> list[tuple[str, Json]]:
        """What it publishes now."""
        out, self._out = self._out, []
        return out

    def receive(self, topic: str, message: Json, now_s: float, unix_ms: int) -> None:
        """A message from the cloud."""
        channel = topic.rsplit("/", 1)[1]
        if self._stage == "off":
            return
        if channel == "services":
            result = self._service(message["method"], message.get("data") or {}, now_s, unix_ms)
            reply = {**message, "timestamp": unix_ms, "data": {"result": result}}
            self._out.append((f"thing/product/{self.sn}/services_reply", reply))
        else:
            wait = self._waits.pop(message["tid"], None)
            if wait is not None:
                self._answered(message["method"], message["data"], unix_ms)

    def tick(self, now_s: float, unix_ms: int) -> None:
        """Boot, resend, fly, report."""
        if self._stage == "off":
            if now_s < self._up_s:
                return
            self._stage = "config"
            self._ask("config", {"config_type": "json", "config_scope": "product"}, unix_ms)
        for tid, wait in list(self._waits.items()):
            if now_s >= wait.due_s:
                self._again(tid, wait, now_s)
        if self._stage != "up":
            return
        if self._flight is not None:
            self._fly(self._flight, now_s, unix_ms)
        if now_s >= self._osd_s:
            self._osd_s = now_s + self.script.osd_s
            self._osd(unix_ms)

    def health(self, code: str, unix_ms: int) -> None:
        """An alarm."""
        alarm = {"code": code, "level": 2, "module": 3, "in_the_sky": 0, "imminent": 1, "device_type": "3-2-0"}
        self._event("hms", {"list": [alarm]}, unix_ms, need_reply=0)

    def _again(self, tid: str, wait: Wait, now_s: float) -> None:
        if wait.tries >= TRIES_MAX and self._stage == "up":  # before that it goes on asking
            del self._waits[tid]
            self.unanswered += 1
            if self._flight and wait.message["method"] == "flighttask_resource_get":
                self._flight["kmz"] = b""
            return
        wait.tries += 1
        wait.due_s = now_s + AGAIN_S
        self._out.append((wait.topic, wait.message))

    def _say(self, topic: str, method: str, data: Json, unix_ms: int, **more: Any) -> None:
        tid = str(uuid.uuid4())
        message = {"tid": tid, "bid": str(uuid.uuid4()), "timestamp": unix_ms, "method": method, "data": data, **more}
        self._waits[tid] = Wait(topic, message)

    def _ask(self, method: str, data: Json, unix_ms: int) -> None:
        self._say(f"thing/product/{self.sn}/requests", method, data, unix_ms, gateway=self.sn)

    def _event(self, method: str, data: Json, unix_ms: int, need_reply: int = 1, bid: str = "") -> None:
        topic, more = f"thing/product/{self.sn}/events", {"gateway": self.sn, "need_reply": need_reply}
        if need_reply:
            self._say(topic, method, data, unix_ms, **more)
        else:
            ids = {"tid": str(uuid.uuid4()), "bid": bid or str(uuid.uuid4())}
            self._out.append((topic, {**ids, "timestamp": unix_ms, "method": method, "data": data, **more}))

    def _answered(self, method: str, data: Json, unix_ms: int) -> None:
        output = data.get("output") or {}
        match method:
            case "config":
                self.config = data
                self._ask("airport_bind_status", {"devices": [{"sn": self.aircraft}, {"sn": self.sn}]}, unix_ms)
            case "airport_bind_status":
                self.bound = all(device["is_device_bind_organization"] for device in output["bind_status"])
                if self.bound:
                    self._topology(unix_ms)
                else:
                    who = {"device_binding_code": self.code, "organization_id": self.organization}
                    self._ask("airport_organization_get", who, unix_ms)
            case "airport_organization_get" if data["result"] == 0:
                self._ask("airport_organization_bind", {"bind_devices": self._to_bind()}, unix_ms)
            case "airport_organization_bind":
                self.bound = all(info["err_code"] == 0 for info in output["err_infos"])
                self._topology(unix_ms)
            case "update_topo":
                self._stage = "up"
            case "flighttask_resource_get" if self._flight is not None:
                self._flight["kmz"] = self._downloaded(output.get("file") or {})
            case "storage_config_get":
                self.storage = output if data["result"] == 0 else None
                if self.storage is not None:
                    self._upload(unix_ms)

    def _to_bind(self) -> list[Json]:
        who = {"device_binding_code": self.code, "organization_id": self.organization}
        devices = ((self.sn, "3-2-0", "dock"), (self.aircraft, "0-91-1", "aircraft"))
        return [{**who, "sn": sn, "device_model_key": key, "device_callsign": name} for sn, key, name in devices]

    def _topology(self, unix_ms: int) -> None:
        plane = {"sn": self.aircraft, "domain": "0", "type": 91, "sub_type": 1, "index": "A", "thing_version": "1.1.2"}
        data = {"domain": "3", "type": 2, "sub_type": 0, "device_secret": "s", "nonce": "n", "sub_devices": [plane]}
        self._say(f"sys/product/{self.sn}/status", "update_topo", data, unix_ms)
        self._out.append((f"thing/product/{self.sn}/state", {**self._plain(unix_ms), "data": self._cameras()}))

    def _cameras(self) -> Json:
        def device(sn: str, camera: str) -> Json:
            streams = [{"video_index": "normal-0", "video_type": "normal"}]
            return {"sn": sn, "camera_list": [{"camera_index": camera, "video_list": streams}]}

        return {"live_capacity": {"device_list": [device(self.sn, "165-0-7"), device(self.aircraft, "81-0-0")]}}

    def _plain(self, unix_ms: int) -> Json:
        return {"tid": str(uuid.uuid4()), "bid": str(uuid.uuid4()), "timestamp": unix_ms, "gateway": self.sn}

    def _service(self, method: str, data: Json, now_s: float, unix_ms: int) -> int:
        if method in self.script.refuse:
            return self.script.refuse[method]
        match method:
            case "flighttask_prepare":
                if data["task_type"] == 0 and abs(data["execute_time"] - unix_ms) > TIME_OFF_MS:
                    return 319008
                if data["flight_id"] in self._begun:
                    return 319007
                self._prepared[data["flight_id"]] = data
            case "flighttask_execute":
                if self._flight is not None:
                    return 321257
                if data["flight_id"] not in self._prepared:
                    return 319003
                self._begin(data["flight_id"], now_s, unix_ms)
            case "flighttask_undo":
                if self._flight is not None and self._flight["id"] in data["flight_ids"]:
                    return 319006
                for flight_id in data["flight_ids"]:
                    self._prepared.pop(flight_id, None)
            case "flighttask_pause":
                if self._flight is None or self._flight["paused"]:
                    return 319046
                self._flight["paused"] = True
                self._progress(self._flight, "paused", unix_ms)
            case "flighttask_recovery":
                if self._flight is None or not self._flight["paused"]:
                    return 319044
                self._flight["paused"] = False
            case "return_home":
                if self._flight is None:
                    return 316024
                self._flight.update(home=True, paused=False)
            case "live_start_push":
                return self._live(data)
            case "live_stop_push":
                return 0 if self.live.pop(data["video_id"], None) else 513011
            case _:
                return 314000
        return 0

    def _live(self, data: Json) -> int:
        if data["url_type"] != LIVE_WHIP:
            return 513013
        if data["video_id"] in self.live:
            return 513003
        self.live[data["video_id"]] = data["url"]
        return 0

    def _begin(self, flight_id: str, now_s: float, unix_ms: int) -> None:
        task = self._prepared.pop(flight_id)
        self._begun.add(flight_id)
        flight = {"id": flight_id, "file": task["file"], "kmz": None, "points": 0, "at": 0, "next": now_s}
        self._flight = flight | {"paused": False, "home": False, "step": 16, "ms": unix_ms}
        self._ask("flighttask_resource_get", {"flight_id": flight_id}, unix_ms)

    def _downloaded(self, file: Json) -> bytes | None:
        content = self._fetch(file.get("url", ""))
        sums = content is not None and hashlib.md5(content, usedforsecurity=False).hexdigest() == file["fingerprint"]
        return content if sums else b""

    def _fly(self, flight: Json, now_s: float, unix_ms: int) -> None:
        if now_s < flight["next"] or flight["paused"]:
            return
        if flight["kmz"] is None:
            return
        if flight["kmz"] == b"":
            self._end(flight, "failed", unix_ms, 314013)
        elif flight["home"]:
            self._end(flight, "canceled", unix_ms, 322283)
        elif flight["points"] == 0:
            flight["points"] = points_in(flight["kmz"])
            flight["step"], flight["next"] = 24, now_s + self.script.step_s
            self.flown.append(flight["id"])
            self._progress(flight, "in_progress", unix_ms)
        elif flight["at"] < flight["points"] - 1:
            flight["at"] += 1
            flight["next"] = now_s + self.script.leg_s
            self._progress(flight, "in_progress", unix_ms)
        else:
            self._end(flight, "ok", unix_ms, 0)

    def _end(self, flight: Json, status: str, unix_ms: int, result: int) -> None:
        flight["step"] = 35
        self._progress(flight, status, unix_ms, result)
        self.ended[flight["id"]] = status
        self._flight = None
        self._last = flight["id"]
        if status == "ok" and self.script.pictures:
            self._ask("storage_config_get", {"module": 0}, unix_ms)

    def _progress(self, flight: Json, status: str, unix_ms: int, result: int = 0) -> None:
        percent = 100 if status == "ok" else round(100 * flight["at"] / max(flight["points"], 1))
        ext: Json = {"flight_id": flight["id"], "current_waypoint_index": flight["at"], "wayline_mission_state": 6}
        ext |= {"media_count": self.script.pictures if status == "ok" else 0, "track_id": "t", "wayline_id": 0}
        if status == "canceled":
            place = {"latitude": 30.0, "longitude": 120.0, "height": 80.0, "attitude_head": 0}
            ext["break_point"] = {"index": flight["at"], "state": 0, "progress": 0.5, "break_reason": 1283, **place}
        output = {"ext": ext, "progress": {"current_step": flight["step"], "percent": percent}, "status": status}
        self._event("flighttask_progress", {"output": output, "result": result}, unix_ms)

    def _upload(self, unix_ms: int) -> None:
        assert self.storage is not None
        for number in range(1, self.script.pictures + 1):
            name = f"DJI_{number:04}.jpeg"
            key = f"{self.storage['object_key_prefix']}/{self._last}/{name}"
            file = {"object_key": key, "name": name, "path": self._last, "ext": {"flight_id": self._last}}
            meta = {"absolute_altitude": 56.3, "relative_altitude": 41.1, "create_time": "2021-05-10 16:04:20"}
            file["metadata"] = meta | {"gimbal_yaw_degree": "-91.40", "shoot_position": {"lat": 30.0, "lng": 120.0}}
            count = {"uploaded_file_count": number, "expected_file_count": self.script.pictures, "flight_type": 0}
            self._event("file_upload_callback", {"file": file, "flight_task": count}, unix_ms)

    def _osd(self, unix_ms: int) -> None:
        flying = self._flight is not None and self._flight["points"] > 0
        dock: Json = {
            "mode_code": 4 if self._flight else 0,
            "drone_in_dock": int(not flying),
            "cover_state": int(flying),
        }
        dock |= {"latitude": 30.0, "longitude": 120.0, "height": 20.0, "wind_speed": 2.5, "rainfall": 0}
        dock |= {"drone_charge_state": {"state": 0, "capacity_percent": 96}}
        self._out.append((f"thing/product/{self.sn}/osd", {**self._plain(unix_ms), "data": dock}))
        if flying:
            self._out.append((f"thing/product/{self.aircraft}/osd", {**self._plain(unix_ms), "data": self._air()}))

    def _air(self) -> Json:
        """height is over the ellipsoid, elevation over the place of take-off, 20 m up here."""
        assert self._flight is not None
        north = 1e-5 * self._flight["at"]
        place: Json = {"latitude": 30.0 + north, "longitude": 120.0, "height": 80.0, "elevation": 60.0, "mode_code": 5}
        angles = {"attitude_head": 10, "attitude_pitch": -3.0, "attitude_roll": 0.5, "horizontal_speed": 8.0}
        gimbal = {"gimbal_pitch": -90.0, "gimbal_roll": 0.0, "gimbal_yaw": 10.0, "payload_index": "81-0-0"}
        state = {"is_fixed": 2, "quality": 10, "gps_number": 14, "rtk_number": 20}
        more = {"position_state": state, "battery": {"capacity_percent": 81, "remain_flight_time": 1400}}
        return {**place, **angles, "81-0-0": gimbal, **more}


def points_in(kmz: bytes) -> int:
    """How many waypoints a wayline file has; 0 for one that a dock could not fly."""
    try:
        with zipfile.ZipFile(io.BytesIO(kmz)) as archive:
            return len(re.findall(r"<Placemark>", archive.read("wpmz/waylines.wpml").decode()))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        return 0


def packed(message: Json) -> bytes:
    """As it goes over the line."""
    return json.dumps(message).encode()
