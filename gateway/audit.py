"""`zhuomu gateway reconcile`: opens the database beside a running gateway, asks the registry, says what it found."""

from pathlib import Path

import httpx
import msgspec

from gateway import reconcile, registry_cases
from gateway.backup import NotDone
from gateway.schema import open_database
from gateway.settings import GatewaySettings

TIMEOUT_S = 30.0


def run(settings: GatewaySettings, offline: bool) -> reconcile.Report:
    """Raises SettingsError, NotDone, SchemaMismatch, httpx.HTTPError, msgspec.DecodeError."""
    if not settings.database_url and not (Path(settings.data) / "gateway.sqlite3").is_file():
        raise NotDone(f"{settings.data}: no gateway's database there; name the data directory with --data")
    url = settings.embedded_url()
    database = open_database(settings.url())
    try:
        with database.read() as tx:
            if offline or not url:
                return reconcile.reconcile(tx)
            headers = settings.registry_headers()
            with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
                return reconcile.reconcile(tx, lambda: registry_cases.incident_ids(client))
    finally:
        database.close()


def as_json(report: reconcile.Report) -> str:
    """One line."""
    return msgspec.json.encode(msgspec.to_builtins(report) | {"ok": report.ok}).decode() + "\n"


def as_text(report: reconcile.Report) -> str:
    """For people, Chinese and English."""
    lines = [
        f"收到候选 received      {report.received:>10}  {report.received_hash[:16]}",
        f"已落账 accounted       {report.accounted:>10}  {report.accounted_hash[:16]}",
        f"  新事件 founded       {report.founded:>10}",
        f"  并入 merged          {report.merged:>10}",
        f"  下落不明 unaccounted {report.unaccounted:>10}",
        f"拒收 refused           {report.refused:>10}",
    ]
    for target, counts in report.by_target.items():
        lines.append(f"{target}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    asked = f"registry asked, hash {report.registry_hash[:16]} of {report.reports_hash[:16]}"
    lines.append(asked if report.registry_asked else "案件库未核对 the registry was not asked")
    lines += [f"不符 fault: {fault}" for fault in report.faults] or ["账目相符 everything is accounted for"]
    return "\n".join(lines) + "\n"
