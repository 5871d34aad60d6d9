"""Prometheus on the device itself: a page on loopback with this process's own registry."""

from collections.abc import Callable, Iterable
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.care.pulse import Snapshot

HOST = "127.0.0.1"
CAMERA_GAUGES = {
    "fps": "Pictures a second",
    "age_s": "Age of the newest picture, seconds",
    "decode_ms": "Decoding, milliseconds a picture",
}
CAMERA_COUNTS = {
    "frames": "Pictures since the start",
    "dropped": "Pictures that a newer one pushed out",
    "failures": "Connections that failed or broke off",
}

log = structlog.get_logger()


class State:
    """A collector over the newest snapshot. Label values are bounded: cameras of the settings, names of counters."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        now = self._snapshot()
        yield from _cameras(now)
        yield _gauge("zhuomu_kiosk_outbox_messages", "Messages that wait for their receipt", now.outbox_rows)
        yield _gauge("zhuomu_kiosk_outbox_bytes", "Bytes that wait for their receipt", now.outbox_bytes)
        yield _gauge("zhuomu_kiosk_connected", "1 while the broker can be reached", now.connected)
        yield _gauge("zhuomu_kiosk_snapshot_time_seconds", "When this was measured, Unix time", now.at.timestamp())
        yield from _process(now)
        dropped = CounterMetricFamily("zhuomu_kiosk_events", "Withheld, dropped, put off, by name", labels=["name"])
        for name, count in sorted(now.dropped.items()):
            dropped.add_metric([name], float(count))
        yield dropped
        yield _versions(now)


class Page:
    """The page; where the port is taken the kiosk runs without it and says so."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(State(snapshot))
        self._server: WSGIServer | None = None
        self.port = 0

    def start(self, port: int) -> None:
        """Serve on loopback; `port` 0 serves nothing."""
        if not port:
            return
        try:
            self._server, _ = start_http_server(port, addr=HOST, registry=self.registry)
        except OSError as error:
            words = "choose another [care] metrics_port or end its user"
            log.error("metrics.unserved", port=port, reason=f"{error.strerror or error}; {words}")
            return
        self.port = port

    def stop(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _cameras(now: Snapshot) -> Iterable[Metric]:
    for name, words in CAMERA_GAUGES.items():
        family = GaugeMetricFamily(f"zhuomu_camera_{name}", words, labels=["camera"])
        for camera, figures in now.cameras.items():
            if isinstance(value := figures.get(name), (int, float)):
                family.add_metric([camera], float(value))
        yield family
    for name, words in CAMERA_COUNTS.items():
        counts = CounterMetricFamily(f"zhuomu_camera_{name}", words, labels=["camera"])
        for camera, figures in now.cameras.items():
            if isinstance(value := figures.get(name), (int, float)):
                counts.add_metric([camera], float(value))
        yield counts
    view = GaugeMetricFamily("zhuomu_camera_view_ok", "1 while the view can be trusted", labels=["camera"])
    for camera, figures in now.cameras.items():
        if "view" in figures:
            view.add_metric([camera], float(figures["view"] == "ok"))
    yield view


def _process(now: Snapshot) -> Iterable[Metric]:
    told = now.vitals
    yield _gauge("zhuomu_kiosk_uptime_seconds", "Since this process's start", told.uptime_s)
    yield _gauge("zhuomu_kiosk_resident_bytes", "Memory in RAM", told.rss_bytes)
    yield _gauge("zhuomu_kiosk_open_handles", "Open file descriptors", told.handles)
    optional = {
        "zhuomu_kiosk_temperature_celsius": ("The hottest sensor", told.temperature_c),
        "zhuomu_kiosk_clock_offset_seconds": ("Right time less this clock", told.clock_offset_s),
        "zhuomu_kiosk_disk_free_bytes": ("Room on the data folder's disk", told.disk_free_bytes),
    }
    yield from (_gauge(name, words, value) for name, (words, value) in optional.items() if value is not None)
    for name, words, label, values in (
        ("zhuomu_kiosk_disk_used_bytes", "Bytes by kind of file", "kind", told.disk_used),
        ("zhuomu_kiosk_queue", "What waits, by queue", "queue", told.queues),
        ("zhuomu_kiosk_time_milliseconds", "Means since the beat before, by kind of work", "work", told.times_ms),
    ):
        family = GaugeMetricFamily(name, words, labels=[label])
        for key, value in sorted(values.items()):
            family.add_metric([key], value)
        yield family


def _versions(now: Snapshot) -> Metric:
    told = now.versions
    labels = {
        "software": told.software,
        "model": told.model,
        "rules": told.rules,
        "config": str(told.config),
        "state": told.config_state,
    }
    family = GaugeMetricFamily("zhuomu_kiosk_info", "What runs here", labels=list(labels))
    family.add_metric(list(labels.values()), 1.0)
    return family


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=float(value))
