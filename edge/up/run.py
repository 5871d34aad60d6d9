"""`zhuomu up`: start everything in order, tell what happens, stop in order, count."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from detectors.manifest import default_model, verified
from edge.link.broker import check_port_free
from edge.up import plan, truth
from edge.up.children import Child, ChildFailed
from edge.up.report import SUMMARY_KEYS, Report
from edge.watch.source import check

TICK_S = 0.5
SETTLE_S = 15.0


@dataclass
class Options:
    """What the user asked for."""

    sources: list[str]
    port: int
    seconds: float | None
    seed: int
    folder: Path | None
    rules: Path
    broker: tuple[str, int] | None = None
    model: Path | None = None


@dataclass
class Town:
    """The running whole. Use `run`."""

    options: Options
    console: Console
    folder: Path = field(init=False)
    children: list[Child] = field(default_factory=list)
    restarts: int = 0

    def run(self, stop: threading.Event) -> dict[str, Any]:
        """Run until `stop` or the time is over; returns the summary. Raises SourceError, ModelError,
        BrokerUnusable, ChildFailed."""
        ports = self._check()
        keep = self.options.folder
        self.folder = keep or Path(tempfile.mkdtemp(prefix="zhuomu-up-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            report = self._start(ports)
            began = datetime.now(UTC)
            self._watch(stop, report)
            return self._finish(report, began)
        finally:
            self._stop_all()
            if keep is None:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self) -> plan.Ports:
        check_port_free(plan.HOST, self.options.port, "console port")
        verified(self.options.model or default_model())
        for source in self.options.sources:
            check(source)
        ports = plan.free_ports(self.options.port)
        if self.options.broker is None:
            return ports
        host, port = self.options.broker
        return replace(ports, mqtt_host=host, mqtt=port, phones=0)

    def _start(self, ports: plan.Ports) -> Report:
        views = self._views(ports)
        files = plan.write_files(self.folder, ports, views, self.options.rules, self.options.model)
        if self.options.broker is None:
            self._child("broker", ["broker", "--port", str(ports.mqtt), "--ws-port", str(ports.phones)])
        self._child("registry", ["registry", "--config", str(files["registry"])])
        self._child("gateway", ["gateway", "--config", str(files["gateway"])])
        handsets = ["handset", "sim", "--data", str(self.folder / "handsets")]
        handsets += ["--host", ports.mqtt_host, "--port", str(ports.mqtt), "--jitter-s", "1"]
        handsets += ["--http", f"http://{plan.HOST}:{ports.console}"]
        self._child("handsets", [*handsets, "--count", str(plan.HANDSETS), "--work-s", str(plan.WORK_S)])
        self._child("kiosk", ["kiosk", "--config", str(files["kiosk"])])
        url = f"http://{plan.HOST}:{ports.console}"
        self._enrol()
        self.console.print(f"[bold]啄木 zhuomu is up[/]: console 监控台 {url} (Ctrl-C stops)")
        self.console.print(f"phone page 手机处置通 {url}/phone/#device={plan.PHONE}", soft_wrap=True)
        return Report(url, self.console)

    def _enrol(self) -> None:
        """A phone that somebody opens sees a crew's orders."""
        command = ["gateway", "handsets", "enrol", plan.PHONE, plan.CREW, "--data", str(self.folder / "gateway")]
        done = subprocess.run([sys.executable, "-m", "zhuomu", *command], capture_output=True, text=True)
        if done.returncode:
            raise ChildFailed(f"the phone was not enrolled: {done.stderr.strip()[-300:]}")

    def _views(self, ports: plan.Ports) -> list[plan.View]:
        if self.options.sources:
            return [plan.View(f"cam-{i + 1}", _absolute(s), [], []) for i, s in enumerate(self.options.sources)]
        serve = ["street", "serve", "--port", str(ports.street), "--seed", str(self.options.seed)]
        path = self.folder / "truth.jsonl"
        street = self._child("street", [*serve, "--truth", str(path)])
        return [street_view(street.ready["url"], truth.read_header(path))]

    def _child(self, name: str, args: list[str]) -> Child:
        child = Child(name, args, self.folder / f"{name}.log", self._restarted)
        self.children.append(child)
        self.console.print(f"[dim]starting {name} ...[/]")
        child.start()
        return child

    def _restarted(self, words: str) -> None:
        self.restarts += 1
        self.console.print(f"[bold red]{words}[/]")

    def _watch(self, stop: threading.Event, report: Report) -> None:
        end = None if self.options.seconds is None else time.monotonic() + self.options.seconds
        while not stop.wait(TICK_S) and (end is None or time.monotonic() < end):
            for child in self.children:
                child.keep_alive()
            report.follow()

    def _finish(self, report: Report, began: datetime) -> dict[str, Any]:
        """Stop the field first, let the centre settle, then count."""
        ended = datetime.now(UTC)
        for name in ("kiosk", "handsets", "street"):
            self._stop_one(name)
        deadline = time.monotonic() + SETTLE_S
        counts = report.get("/api/summary")
        while time.monotonic() < deadline and (counts is None or counts["forward_left"]):
            time.sleep(0.2)
            counts = report.get("/api/summary")
        report.follow()
        incidents = report.get("/api/incidents") or []
        self._stop_all()
        summary = dict(counts or {}, outbox_left=plan.outbox_left(self.folder))
        result: dict[str, Any] = {key: summary.get(key) for key in SUMMARY_KEYS}
        if not self.options.sources:
            events = truth.read_truth(self.folder / "truth.jsonl")
            result["truth"] = truth.match(events, incidents, began, ended).to_dict()
        result["restarts"] = self.restarts
        return result

    def _stop_one(self, name: str) -> None:
        for child in self.children:
            if child.name == name:
                child.stop()

    def _stop_all(self) -> None:
        for child in reversed(self.children):
            child.stop()


def street_view(url: str, head: dict[str, Any]) -> plan.View:
    """The sample street's camera with its exact calibration and zones, from the header of its truth file."""
    width, height = head["width"], head["height"]
    points = [(p["image"][0] / width, p["image"][1] / height, *p["wgs84"]) for p in head["calibration_points"]]
    zones = [(z["name"], z["name"], [(x / width, y / height) for x, y in z["image"]]) for z in head["zones"]]
    return plan.View("street", url, points, zones)


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if Path(source).exists() else source


def to_json(summary: dict[str, Any]) -> str:
    """One line."""
    return json.dumps(summary)
