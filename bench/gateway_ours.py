"""Our gateway under the load, in three phases: as fast as it goes, at half of that, and while things are killed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import gateway_parts as parts
from bench.gateway_fleet import Fleet
from bench.gateway_work import Workload
from edge.up.ports import free_port

RESEND_S = 10.0
DRAIN_S_MAX = 600.0
WORKERS = 8


@dataclass(frozen=True)
class Plan:
    """`candidates` of the fault-free and of the faulty phase each; `half_s`: how long the phase at half load lasts;
    `away_s`: the registry's outage."""

    candidates: int
    publishers: int
    half_s: float
    away_s: float
    resend_s: float = RESEND_S


class Site:
    """mosquitto, the gateway and the registry stub in one folder."""

    def __init__(self, folder: Path) -> None:
        self.broker = parts.broker(folder)
        self.http_port, stub_port = free_port(), free_port()
        self.stub = parts.python("stub", folder, "bench.gateway_stub", str(stub_port), port=stub_port)
        self.stub_url = f"http://127.0.0.1:{stub_port}"
        config = folder / "gateway.toml"
        config.write_text(
            f'data = "{folder / "gateway"}"\nport = {self.http_port}\nregistry_url = "{self.stub_url}"\n'
            f"console = false\nforward_workers = {WORKERS}\n[broker]\nport = {self.broker.port}\n"
        )
        words = ("zhuomu", "gateway", "--config", str(config))
        self.gateway = parts.python("gateway", folder, *words, port=self.http_port)
        self._http = httpx.Client(trust_env=False, timeout=30.0)

    def start(self) -> None:
        """All three."""
        for part in (self.broker, self.stub, self.gateway):
            part.start()
        self.wait(lambda: self._ready(), 60.0)

    def stop(self) -> None:
        """SIGKILL."""
        for part in (self.gateway, self.stub, self.broker):
            part.kill()
        self._http.close()

    def summary(self) -> dict[str, int]:
        """The gateway's counts."""
        return dict(self._http.get(f"http://127.0.0.1:{self.http_port}/api/summary").raise_for_status().json())

    def told(self) -> dict[str, Any]:
        """What the stub counted."""
        return dict(self._http.get(f"{self.stub_url}/told").json())

    def away(self, seconds: float) -> None:
        """The registry turns everybody away for so long."""
        self._http.get(f"{self.stub_url}/away/{seconds}")

    def drain(self) -> float:
        """Seconds until nothing is left to forward."""
        began = time.monotonic()
        self.wait(lambda: self.summary()["forward_left"] == 0, DRAIN_S_MAX)
        return time.monotonic() - began

    def wait(self, condition: Any, timeout_s: float) -> bool:
        """Until it holds; False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if condition():
                    return True
            except httpx.HTTPError:
                pass  # it has just been killed
            time.sleep(0.1)
        return False

    def _ready(self) -> bool:
        return self._http.get(f"http://127.0.0.1:{self.http_port}/readyz").status_code == 200


def measure(folder: Path, plan: Plan) -> dict[str, Any]:
    """Everything that is claimed of ours. Raises NotThere, TimeoutError."""
    site = Site(folder)
    site.start()
    try:
        full, works = _full(site, plan)
        half = _half(site, plan, full["rate_per_s"])
        faulty = _faulty(site, plan)
        works += [half.pop("work"), faulty.pop("work")]
        return {**full, **half, **faulty, **_accounts(site, works)}
    finally:
        site.stop()


def _full(site: Site, plan: Plan) -> tuple[dict[str, Any], list[Workload]]:
    """As fast as it goes, the registry away for a while in the middle."""
    work = Workload(plan.candidates, plan.publishers)
    fleet = Fleet(site.broker.port, work, "receipt", plan.resend_s)
    fleet.connect()
    before, broker_before = site.gateway.cpu_s(), site.broker.cpu_s()
    faults = parts.Faults([(0.3, f"registry away for {plan.away_s:g} s", lambda: site.away(plan.away_s))])
    took_s = fleet.run(_watching(fleet, faults))
    used, broker_used = site.gateway.cpu_s() - before, site.broker.cpu_s() - broker_before
    found = {
        "rate_per_s": round(plan.candidates / took_s, 1),
        "messages_per_s": round(fleet.total / took_s, 1),
        "receipt_ms_p99_full": percentile_ms(fleet.latencies_s, 0.99),
        "cpu_us_per_message": round(used * 1e6 / fleet.handed, 1),
        "broker_cpu_us_per_message": round(broker_used * 1e6 / fleet.handed, 1),
        "drain_s": round(site.drain(), 1),
    }
    fleet.close()
    return found, [work]


def _half(site: Site, plan: Plan, rate_per_s: float) -> dict[str, Any]:
    """Half of what was just sustained, for `half_s` seconds."""
    half = rate_per_s / 2
    work = Workload(int(half * plan.half_s), plan.publishers, first=10_000_000)
    fleet = Fleet(site.broker.port, work, "receipt", plan.resend_s)
    fleet.connect()
    fleet.run(_watching(fleet, parts.Faults([])), rate_per_s=half * fleet.total / max(1, work.candidates))
    fleet.close()
    times = {name: percentile_ms(fleet.latencies_s, share) for name, share in SHARES.items()}
    return {**times, "half_rate_per_s": round(half, 1), "work": work}


def _faulty(site: Site, plan: Plan) -> dict[str, Any]:
    """Gateway and broker killed twice each, the registry away once more."""
    work = Workload(plan.candidates, plan.publishers, first=20_000_000)
    fleet = Fleet(site.broker.port, work, "receipt", plan.resend_s)
    fleet.connect()
    kills = [(0.2, site.gateway), (0.4, site.broker), (0.6, site.gateway), (0.8, site.broker)]
    plans = [(share, f"{part.name} killed", part.kill_and_start) for share, part in kills]
    plans.insert(2, (0.5, f"registry away for {plan.away_s:g} s", lambda: site.away(plan.away_s)))
    faults = parts.Faults(list(plans))
    took_s = fleet.run(_watching(fleet, faults), room=faults.room)
    fleet.close()
    site.drain()
    return {"rate_per_s_while_killed": round(plan.candidates / took_s, 1), "faults": faults.done, "work": work}


def _accounts(site: Site, works: list[Workload]) -> dict[str, Any]:
    """Lost: valid candidates that are no case. Doubled: cases beyond one for each."""
    cases: dict[str, int] = site.told()["cases"]
    valid = set().union(*(work.valid() for work in works))
    invalid = sum(work.count("invalid") for work in works)
    counts = site.summary()
    return {
        "valid": len(valid),
        "lost": len(valid - cases.keys()),
        "doubled": sum(cases.values()) - len(cases),
        "foreign": len(cases.keys() - valid),
        "invalid": invalid,
        "dead_letters": counts["dead_letters"],
        "incidents": counts["incidents"],
        "stub": {name: value for name, value in site.told().items() if name != "cases"},
    }


SHARES = {"receipt_ms_p50": 0.5, "receipt_ms_p99": 0.99}


def percentile_ms(values_s: list[float], share: float) -> float | None:
    """Seconds -> one percentile in ms."""
    ordered = sorted(values_s)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1) if ordered else None


def _watching(fleet: Fleet, faults: parts.Faults) -> Any:
    def step() -> bool:
        faults.step((fleet.confirmed + fleet.refused) / fleet.total)
        return True

    return step
