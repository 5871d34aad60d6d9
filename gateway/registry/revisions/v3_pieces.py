"""Version 3 of the registry, one function per piece: measured precision, rewards, the desk's columns, duty."""

import json
from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from alembic import op

from gateway.registry.duty import tables as duty_tables

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """From version 2."""
    tx = op.get_bind()
    _trust(tx)
    _desk(tx)
    _rewards(tx)
    duty_tables.up(tx)


def _desk(tx: sa.Connection) -> None:
    """Where each case lies and whether it is over, for the map; indexes that hold what map and queue look at."""
    postgres = tx.dialect.name == "postgresql"
    real, yes = ("DOUBLE PRECISION", "true") if postgres else ("FLOAT", "1")
    columns = (
        f"open BOOLEAN NOT NULL DEFAULT {yes}",
        f"lat {real} NOT NULL DEFAULT 0",
        f"lon {real} NOT NULL DEFAULT 0",
    )
    for column in (*columns, "tile BIGINT NOT NULL DEFAULT 0"):
        tx.execute(sa.text(f"ALTER TABLE cases ADD COLUMN {column}"))
    places = "district, subdistrict, patrol_area, department, class_code"
    ground = "tile, {}lat, lon, class_code, subdistrict"
    over = ("rejected", "closed", "force_closed", "cancelled")
    update = sa.text("UPDATE cases SET open = :open, lat = :lat, lon = :lon, tile = :tile WHERE case_id = :id")
    after = ""
    while rows := tx.execute(sa.text(_PAGE_3), {"after": after}).all():
        bodies = [(case_id, json.loads(body)) for case_id, body in rows]
        points = [(case_id, float(body["lat"]), float(body["lon"]), body["state"]) for case_id, body in bodies]
        names = ("id", "lat", "lon", "open", "tile")
        values = [(n, lat, lon, state not in over, _tile_3(lat, lon)) for n, lat, lon, state in points]
        tx.execute(update, [dict(zip(names, value, strict=True)) for value in values])
        after = rows[-1].case_id
    for statement in (
        "DROP INDEX cases_state",
        "DROP INDEX cases_reported_at",
        f"CREATE INDEX cases_queue ON cases (state, case_id, {places})",
        f"CREATE INDEX cases_map ON cases (open, {ground.format('reported_at, ')})",
        f"CREATE INDEX cases_reported_at ON cases (reported_at, {ground.format('')})",
    ):
        tx.execute(sa.text(statement))


_PAGE_3 = "SELECT case_id, body FROM cases WHERE case_id > :after ORDER BY case_id LIMIT 1000"


def _tile_3(lat: float, lon: float) -> int:
    """The tile's number on a Z-order curve of 18 bits each: longitude in the even bits, latitude in the odd ones."""
    side = 1 << 18
    column, row = (min(side - 1, max(0, int(share * side))) for share in ((lon + 180) / 360, (lat + 90) / 180))
    return sum((column >> bit & 1) << 2 * bit | (row >> bit & 1) << 2 * bit + 1 for bit in range(18))


def _trust(tx: sa.Connection) -> None:
    """What became of each candidate of a camera, out of the cases that are there; grants and thresholds start empty."""
    postgres = tx.dialect.name == "postgresql"
    real = "DOUBLE PRECISION" if postgres else "FLOAT"
    number = "BIGSERIAL PRIMARY KEY" if postgres else "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"
    texts = ("rule", "reported_at", "outcome", "decided_by", "decided_at")
    cell = "camera TEXT NOT NULL, class_code TEXT NOT NULL"
    for statement in (
        f"CREATE TABLE outcomes (case_id TEXT NOT NULL PRIMARY KEY, {cell}, hour INTEGER NOT NULL, "
        f"score {real} NOT NULL, {', '.join(f'{name} TEXT NOT NULL' for name in texts)})",
        "CREATE INDEX outcomes_cell ON outcomes (class_code, camera, hour, decided_at)",
        "CREATE INDEX outcomes_decided ON outcomes (decided_at)",
        f"CREATE TABLE grants (n {number}, {cell}, hour INTEGER NOT NULL, granted BOOLEAN NOT NULL, "
        "good INTEGER NOT NULL, total INTEGER NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL)",
        "CREATE INDEX grants_cell ON grants (class_code, camera, hour, n)",
        f"CREATE TABLE thresholds (n {number}, {cell}, threshold {real} NOT NULL, holds BOOLEAN NOT NULL, "
        "body JSON NOT NULL, state TEXT NOT NULL, person TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, "
        "settled_at TEXT NOT NULL)",
        "CREATE INDEX thresholds_camera ON thresholds (class_code, camera, state)",
    ):
        tx.execute(sa.text(statement))
    for case_id in list(tx.scalars(sa.text("SELECT case_id FROM cases ORDER BY case_id"))):
        _fill_3(tx, case_id)


def _fill_3(tx: sa.Connection, case_id: str) -> None:
    one = {"id": case_id}
    row = tx.execute(sa.text("SELECT body, report, reported_at, disposed FROM cases WHERE case_id = :id"), one).one()
    body, report = json.loads(row.body), json.loads(row.report) if isinstance(row.report, str) else row.report
    log = "SELECT kind, actor, at FROM events WHERE case_id = :id ORDER BY n"
    last = {kind: (actor, at) for kind, actor, at in tx.execute(sa.text(log), one)}
    body["filed_by"] = last.get("filed", ("", ""))[0]
    tx.execute(sa.text("UPDATE cases SET body = :body WHERE case_id = :id"), {"body": json.dumps(body).encode(), **one})
    device, camera = str(report.get("device") or ""), str(report.get("camera") or "")
    if device in ("", "citizen") or not camera:
        return
    wrong = next((last[kind] for kind in ("cancelled", "rejected") if kind in last), None)
    by_person = last.get("filed") if body["filed_by"] not in ("", "auto_file") else None
    worked = last.get("closed") or last.get("force_closed") if row.disposed else None
    decided = wrong or by_person or worked or ("", "")
    outcome = "wrong" if wrong else "confirmed" if decided[1] else ""
    hour = datetime.fromisoformat(row.reported_at.replace("Z", "+00:00")).astimezone(timezone(timedelta(hours=8))).hour
    values = {"camera": f"{device}/{camera}", "class_code": body["class_code"], "hour": hour, "outcome": outcome}
    values |= {"score": float(report.get("score") or 0.0), "rule": str(report.get("rule") or "")}
    values |= {"reported_at": row.reported_at, "decided_by": decided[0], "decided_at": decided[1], "case_id": case_id}
    names = ", ".join(values)
    tx.execute(sa.text(f"INSERT INTO outcomes ({names}) VALUES ({', '.join(f':{n}' for n in values)})"), values)


def _rewards(tx: sa.Connection) -> None:
    """First-reporter rewards and kept figures start empty: what was reported before this version is not rewarded."""
    postgres = tx.dialect.name == "postgresql"
    real, blob = ("DOUBLE PRECISION", "BYTEA") if postgres else ("FLOAT", "BLOB")
    long = "BIGINT NOT NULL"
    number = "BIGSERIAL PRIMARY KEY" if postgres else "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"

    def texts(*names: str) -> str:
        return ", ".join(f"{name} TEXT NOT NULL" for name in names)

    for statement in (
        f"CREATE TABLE claims (case_id TEXT NOT NULL PRIMARY KEY, {texts('source', 'stream')}, seq {long}, "
        f"{texts('received_at', 'kind')}, lat {real} NOT NULL, lon {real} NOT NULL, "
        f"{texts('person', 'outcome', 'why', 'first_case', 'confirmed_case', 'proven_at')}, amount INTEGER NOT NULL, "
        f"{texts('decided_at')})",
        "CREATE INDEX claims_outcome ON claims (outcome, received_at)",
        "CREATE INDEX claims_person ON claims (person, proven_at)",
        f"CREATE TABLE reward_ledger (n {long} PRIMARY KEY, {texts('pair', 'kind', 'account')}, amount {long}, "
        f"{texts('case_id', 'reason', 'at', 'prev', 'hash')}, UNIQUE (pair, kind))",
        "CREATE INDEX reward_ledger_account ON reward_ledger (account, n)",
        "CREATE INDEX reward_ledger_case ON reward_ledger (case_id)",
        f"CREATE TABLE reward_seals (month TEXT NOT NULL PRIMARY KEY, last_n {long}, {texts('head')}, "
        f"body {blob} NOT NULL, {texts('prev', 'hash', 'approved_by', 'approved_at', 'settled_by', 'settled_at')})",
        f"CREATE TABLE reward_sightings (n {number}, {texts('incident_id', 'source', 'device', 'epoch')}, seq {long}, "
        f"{texts('received_at', 'at')})",
        "CREATE INDEX reward_sightings_incident ON reward_sightings (incident_id, n)",
        f"CREATE TABLE reward_groupings (n {number}, decision {long}, "
        f"{texts('kind', 'incident_id', 'other_id', 'person', 'reason', 'at', 'settled_at')})",
        "CREATE INDEX reward_groupings_open ON reward_groupings (settled_at, n)",
        f"CREATE TABLE evaluations ({texts('start', 'until', 'sha256')}, body {blob} NOT NULL, {texts('kept_at')}, "
        "PRIMARY KEY (start, until))",
    ):
        tx.execute(sa.text(statement))
