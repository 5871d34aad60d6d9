"""A small cluster of real processes: mosquitto, PostgreSQL, the registry, two gateways; and publishers that load it."""

import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from conftest import RealBroker, free_port, mosquitto, until
from gateway_helpers import RUN, Device, Process, candidate, toml
from postgres_server import PostgresServer

from edge.wire import Candidate, Receipt
from gateway import audit, reconcile
from gateway.cluster_tables import leases
from gateway.schema import open_database
from gateway.settings import GatewaySettings

NAMES = ("gateway-1", "gateway-2")
TWIN_EVERY = 10
LATE_S = 2.0
RESENT_AT_ONCE = 20


class Cluster:
    """Gateways share broker, database and pictures; each can be killed and started again."""

    def __init__(self, folder: Path, server: PostgresServer, **gateway: Any) -> None:
        self.folder = folder
        self.broker: RealBroker = mosquitto(folder)
        self.urls = {"gateway": server.new_url(), "registry": server.new_url()}
        self.ports = {name: free_port() for name in (*NAMES, "registry")}
        self.registry_url = f"http://127.0.0.1:{self.ports['registry']}"
        self._gateway = {"poll_s": 0.2, "console": False, "resend_s": 1.0} | gateway
        self.registry: dict[str, Any] = {}
        self._processes: dict[str, Process] = {}

    def settings(self, name: str) -> dict[str, Any]:
        """A gateway's file."""
        shared = {"data": str(self.folder / "gateway"), "group": "gateway", "registry_url": self.registry_url}
        own = {"client_id": name, "port": self.ports[name], "database_url": self.urls["gateway"]}
        return {**shared, **own, **self._gateway, "broker": {"port": self.broker.port, "keepalive_s": 4}}

    def start(self, *names: str) -> None:
        """Start these (everything when none is named) and wait until they serve."""
        if not names:
            self.broker.start()
        for name in names or ("registry", *NAMES):
            self._processes[name] = self._start(name)
        for name in names or ("registry", *NAMES):
            self._processes[name].ready()

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._processes.pop(name).kill()

    def process(self, name: str) -> Process:
        """A running one."""
        return self._processes[name]

    def stop(self) -> None:
        """SIGKILL whatever still runs."""
        for name in list(self._processes):
            self.kill(name)
        if self.broker.process is not None and self.broker.process.poll() is None:
            self.broker.kill()

    def get(self, path: str, name: str = NAMES[0]) -> Any:
        """JSON of one gateway's API, or of the registry's."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.ports[name]}", trust_env=False) as client:
            return client.get(path).raise_for_status().json()

    def reconcile(self) -> reconcile.Report:
        """The gateway's own account of everything, the registry asked."""
        url, data = self.urls["gateway"], str(self.folder / "gateway")
        return audit.run(GatewaySettings(data=data, database_url=url, registry_url=self.registry_url), offline=False)

    def leases(self) -> list[dict[str, Any]]:
        """Who does what."""
        database = open_database(self.urls["gateway"])
        with database.read() as tx:
            rows = [dict(row) for row in tx.execute(sa.select(leases)).mappings()]
        database.close()
        return rows

    def _start(self, name: str) -> Process:
        config = self.folder / f"{name}.toml"
        own = {"data": str(self.folder / "registry"), "port": self.ports[name], "database_url": self.urls["registry"]}
        own |= self.registry
        config.write_text(toml(own if name == "registry" else self.settings(name)))
        command = "registry" if name == "registry" else "gateway"
        return Process(
            [sys.executable, "-c", RUN.format(command=command), "--config", str(config)], self.folder / f"{name}.err"
        )


class Publisher(Device):
    """A device that remembers when each receipt came, and sends again what is late, a little at a time."""

    def __init__(self, port: int, name: str) -> None:
        self.receipted_at: list[float] = []
        self._sent_at: dict[int, float] = {}
        super().__init__(port, name)

    def put(self, seq: int, channel: str, payload: bytes) -> None:
        """Send, and note when."""
        self._sent_at[seq] = time.monotonic()
        super().put(seq, channel, payload)

    def resend(self) -> None:
        """What was sent LATE_S ago and has no receipt; few at once, or a slow machine would drown in repeats."""
        now = time.monotonic()
        late = [seq for seq in sorted(self.pending) if now - self._sent_at[seq] > LATE_S]
        for seq in late[:RESENT_AT_ONCE]:
            if (message := self.pending.get(seq)) is not None:
                self.put(seq, *message)

    def _receipt(self, receipt: Receipt) -> None:
        super()._receipt(receipt)
        self.receipted_at.append(time.monotonic())


class Load:
    """Publishers that send at a steady rate until stopped, and send again what has no receipt.

    Every tenth thing is also seen by the next publisher at the same moment: both sightings are one incident, whichever
    gateway takes which. `things`, `twins`: how many of each were sent.
    """

    def __init__(self, port: int, publishers: int, per_s: float, seed: int) -> None:
        self.publishers = [Publisher(port, f"kiosk-{n}") for n in range(publishers)]
        self.things = 0
        self.twins = 0
        self._per_s = per_s
        self._rng = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """No more new things; wait until every message has its receipt."""
        self._stop.set()
        self._thread.join(30.0)
        for publisher in self.publishers:
            publisher.settle(timeout_s)
        for publisher in self.publishers:
            publisher.stop()

    def receipts_after(self, since: float) -> list[float]:
        """When receipts came to anybody after an instant of the monotonic clock."""
        return sorted(at for publisher in self.publishers for at in publisher.receipted_at if at > since)

    def _run(self) -> None:
        again_at = time.monotonic() + 1.0
        while not self._stop.wait(self._rng.expovariate(self._per_s)):
            self.things += 1
            first = self.publishers[self.things % len(self.publishers)]
            first.send(self._seen(self.things, ""))
            if self.things % TWIN_EVERY == 0:
                other = self.publishers[(self.things + 1) % len(self.publishers)]
                other.send(self._seen(self.things, "twin-"))
                self.twins += 1
            if time.monotonic() > again_at:
                for publisher in self.publishers:
                    publisher.resend()
                again_at = time.monotonic() + 1.0

    def _seen(self, number: int, prefix: str) -> Candidate:
        names = {"candidate_id": f"{prefix}cand-{number}", "place_id": f"{prefix}place-{number}"}
        return candidate(number, **names)


def wait_for_receipt(load: Load, since: float, timeout_s: float) -> float:
    """Seconds from `since` to the first receipt after it."""
    until(lambda: load.receipts_after(since), timeout_s, "a receipt from the gateway that is left")
    return load.receipts_after(since)[0] - since
