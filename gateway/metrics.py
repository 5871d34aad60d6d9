"""Prometheus metrics at `/metrics`: what this process did, and what its database holds just then."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.wire import ErrorCode
from gateway.counters import Counters
from gateway.database import Database
from gateway.fleet_tables import fleet_desired
from gateway.forwarder import Forwarder
from gateway.store import Outcome
from gateway.sync import handsets
from gateway.tables import dead_letters, deliveries, devices, forwards, verifies
from gateway.times import Clock, to_text

HEARD_MINUTES = 15
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BREAKER_STATES = ("closed", "half_open", "open")


class Metrics:
    """The process's own registry, so that two gateways in one process do not share numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        words = "Messages taken in, by channel and by what became of them"
        self._intake = Counter("zhuomu_intake_messages", words, ["channel", "result"], registry=self.registry)
        words = "From a message's arrival at this process to its receipt"
        self._latency = Histogram("zhuomu_receipt_latency_seconds", words, buckets=BUCKETS_S, registry=self.registry)

    def committed(self, outcome: Outcome) -> None:
        """Count a batch."""
        for (channel, result), count in outcome.results.items():
            self._intake.labels(channel, result).inc(count)

    def receipted(self, latency_s: float) -> None:
        """Measure one message."""
        self._latency.observe(latency_s)

    def render(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self.registry)


class State:
    """A collector: counts out of the database, counters of the process, circuit breakers. Label values are bounded:
    channels, targets, error codes, kinds of device, names of counters."""

    def __init__(
        self,
        database: Database,
        counters: Counters,
        forwarders: Sequence[Forwarder],
        queue: Callable[[], int],
        is_up: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._database = database
        self._counters = counters
        self._forwarders = forwarders
        self._queue = queue
        self._is_up = is_up
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        yield gauge("zhuomu_broker_connected", "1 while the MQTT broker can be reached", float(self._is_up()))
        yield gauge("zhuomu_intake_queue", "Messages that wait for the next batch", float(self._queue()))
        yield self._events()
        yield self._breakers()
        try:
            with self._database.read() as tx:
                found = [*_outbox(tx), _dead(tx), _devices(tx, self._heard_since()), _delivered(tx)]
        except sa.exc.OperationalError:
            yield gauge("zhuomu_database_up", "1 while the database answers", 0.0)
            return
        yield gauge("zhuomu_database_up", "1 while the database answers", 1.0)
        yield from found

    def _heard_since(self) -> str:
        return to_text(self._clock() - timedelta(minutes=HEARD_MINUTES))

    def _events(self) -> Metric:
        family = CounterMetricFamily("zhuomu_events", "Named counters: limits reached, retries", labels=["name"])
        for name, count in self._counters.snapshot().items():
            family.add_metric([name], float(count))
        return family

    def _breakers(self) -> Metric:
        words = "State of a target's circuit breaker: 1 for the one it is in"
        family = GaugeMetricFamily("zhuomu_forward_breaker", words, labels=["target", "state"])
        for forwarder in self._forwarders:
            now = forwarder.state()
            for state in BREAKER_STATES:
                family.add_metric([forwarder.target.name, state], float(state == now))
        return family


def gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(name, words, value=value)


def _outbox(tx: sa.Connection) -> list[Metric]:
    f = forwards.c
    rows = tx.execute(
        sa.select(f.target, f.state, sa.func.count())
        .where(f.state.in_(("pending", "refused")))
        .group_by(f.target, f.state)
    )
    to_targets = GaugeMetricFamily(
        "zhuomu_forward_rows", "Rows of the outbox by target and state", labels=["target", "state"]
    )
    for target, state, count in rows:
        to_targets.add_metric([target or "unrouted", state], float(count))
    to_devices = GaugeMetricFamily(
        "zhuomu_down_waiting", "Messages that a device has not confirmed", labels=["channel"]
    )
    to_devices.add_metric(["delta"], float(handsets.behind_count(tx)))
    for name, table in (("verify", verifies), ("config", fleet_desired)):
        waiting = tx.scalar(sa.select(sa.func.count()).select_from(table).where(table.c.waiting))
        to_devices.add_metric([name], float(waiting or 0))
    return [to_targets, to_devices]


def _dead(tx: sa.Connection) -> Metric:
    family = GaugeMetricFamily("zhuomu_dead_letters", "Dead letters that are kept, by reason", labels=["reason"])
    names = {int(code): code.name.lower() for code in ErrorCode}
    rows = tx.execute(sa.select(dead_letters.c.code, sa.func.count()).group_by(dead_letters.c.code))
    for code, count in rows:
        family.add_metric([names.get(code, str(code))], float(count))
    return family


def _devices(tx: sa.Connection, since: str) -> Metric:
    d = devices.c
    words = f"Devices by kind: known, online, and heard within {HEARD_MINUTES} minutes"
    family = GaugeMetricFamily("zhuomu_devices", words, labels=["kind", "state"])
    heard = sa.func.coalesce(sa.func.sum(sa.case((d.last_heard >= since, 1), else_=0)), 0)
    online = sa.func.coalesce(sa.func.sum(sa.case((d.online, 1), else_=0)), 0)
    for kind, known, on, lately in tx.execute(sa.select(d.kind, sa.func.count(), online, heard).group_by(d.kind)):
        for state, count in (("known", known), ("online", on), ("heard", lately)):
            family.add_metric([kind or "unknown", state], float(count))
    return family


def _delivered(tx: sa.Connection) -> Metric:
    d = deliveries.c
    words = "Incidents that another system took over, by target; followed: it is still asked about them"
    family = GaugeMetricFamily("zhuomu_deliveries", words, labels=["target", "state"])
    followed = d.next_at.is_not(None)
    for target, is_followed, count in tx.execute(
        sa.select(d.target, followed, sa.func.count()).group_by(d.target, followed)
    ):
        family.add_metric([target, "followed" if is_followed else "ended"], float(count))
    return family
