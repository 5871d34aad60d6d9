"""The broker's side of "a dock speaks only for itself": mosquitto's access rules and who may log in, from the settings.

Every dock logs in under its serial number. Source: mosquitto.conf(5), acl_file.
"""

from __future__ import annotations

from drone.dji.settings import Settings

DOWN = ("services", "events_reply", "requests_reply", "property/set", "drc/down")
UP = ("osd", "state", "services_reply", "events", "requests", "property/set_reply", "drc/up")


def acl_of(settings: Settings, own: str = "zhuomu-docks") -> str:
    """An acl_file. own: the user name that this service logs in with."""
    lines = [f"user {own}", "topic read thing/product/#", "topic read sys/product/+/status"]
    lines += [f"topic write thing/product/+/{name}" for name in DOWN] + ["topic write sys/product/+/status_reply"]
    for dock in settings.docks:
        lines += ["", f"user {dock.sn}"]
        lines += [f"topic write thing/product/{dock.sn}/{name}" for name in UP]
        lines += [f"topic write thing/product/{sn}/{name}" for sn in dock.aircraft for name in ("osd", "state")]
        lines += [f"topic read thing/product/{dock.sn}/{name}" for name in DOWN]
        lines += [f"topic write sys/product/{dock.sn}/status", f"topic read sys/product/{dock.sn}/status_reply"]
    return "\n".join(lines) + "\n"
