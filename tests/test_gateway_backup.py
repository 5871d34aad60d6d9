"""Backup, restore and retention: nothing is overwritten, damage is found, open incidents keep what is theirs."""

import io
import json
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from forward_rig import Rig, shown
from gateway_helpers import candidate
from typer.testing import CliRunner

from gateway import incidents, tables
from gateway.backup import DATABASE, Manifest, NotDone, backup, restore
from gateway.commands import app
from gateway.lock import DataLock, InUse
from gateway.retention import Retention, Swept
from gateway.settings import GatewaySettings

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Two incidents with a picture each."""
    (tmp_path / "data").mkdir()
    rig = Rig(tmp_path / "data")
    for number in (1, 2):
        message, reference = shown(bytes([number]) * 1000, seq=10 + number)
        rig.commit(candidate(number, evidence=[reference]), message)
    yield rig
    rig.close()


def contents(data: Path) -> tuple[dict[str, int], set[str]]:
    """(rows by table, hashes of pictures) of a data directory."""
    with sqlite3.connect(data / DATABASE) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    return rows, {path.name for path in (data / "evidence").glob("*/*")}


def test_a_restored_copy_holds_what_was_backed_up_and_passes_its_checks(rig: Rig, tmp_path: Path) -> None:
    made = backup(rig.folder, tmp_path / "b.tar", NOW)
    assert (made.schema_version, made.pictures, made.pictures_missing) == (tables.SCHEMA_VERSION, 2, 0)
    assert restore(tmp_path / "b.tar", tmp_path / "new", NOW) == made
    assert contents(tmp_path / "new") == contents(rig.folder)
    with sqlite3.connect(tmp_path / "new" / DATABASE) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    again = Rig(tmp_path / "new")
    again.commit(candidate(1))
    assert again.rows(sa.select(tables.devices.c.repeats)) == [{"repeats": 1}]
    again.close()


def test_a_backup_beside_a_writing_gateway_is_whole(rig: Rig, tmp_path: Path) -> None:
    """Every incident in it has its report, whatever was being written meanwhile."""
    ended = threading.Event()

    def write() -> None:
        number = 100
        while not ended.is_set():
            rig.commit(candidate(number))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(3):
            backup(rig.folder, tmp_path / f"{turn}.tar", NOW)
    finally:
        ended.set()
        writer.join()
    for turn in range(3):
        restore(tmp_path / f"{turn}.tar", tmp_path / f"new{turn}", NOW)
        rows, _ = contents(tmp_path / f"new{turn}")
        assert rows["incidents"] == rows["forwards"] == rows["candidates"] >= 2


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(NotDone, match="exists already"):
        backup(rig.folder, tmp_path / "b.tar", NOW)
    with pytest.raises(NotDone, match="no database there"):
        backup(tmp_path / "nowhere", tmp_path / "c.tar", NOW)
    assert (tmp_path / "b.tar").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def test_a_picture_that_is_gone_from_the_disk_is_counted_as_missing(rig: Rig, tmp_path: Path) -> None:
    next((rig.folder / "evidence").glob("*/*")).unlink()
    made = backup(rig.folder, tmp_path / "b.tar", NOW)
    assert (made.pictures, made.pictures_missing) == (1, 1)
    restore(tmp_path / "b.tar", tmp_path / "new", NOW)


def test_a_running_gateways_data_is_not_restored_over(rig: Rig, tmp_path: Path) -> None:
    backup(rig.folder, tmp_path / "b.tar", NOW)
    before = contents(rig.folder)
    with DataLock(rig.folder, exclusive=False), pytest.raises(InUse, match="a gateway runs there"):
        restore(tmp_path / "b.tar", rig.folder, NOW)
    assert contents(rig.folder) == before


def test_gateways_share_a_directory_but_none_starts_during_a_restore(tmp_path: Path) -> None:
    with DataLock(tmp_path, exclusive=False), DataLock(tmp_path, exclusive=False):
        pass
    with DataLock(tmp_path, exclusive=True), pytest.raises(InUse, match="restore is under way"):
        DataLock(tmp_path, exclusive=False).__enter__()


def test_a_newer_database_stays_and_an_older_one_is_put_aside(rig: Rig, tmp_path: Path) -> None:
    backup(rig.folder, tmp_path / "old.tar", NOW)
    rig.now += timedelta(hours=1)
    rig.commit(candidate(3))
    backup(rig.folder, tmp_path / "new.tar", NOW)
    rig.close()
    with pytest.raises(NotDone, match=r"newer .* than the backup"):
        restore(tmp_path / "old.tar", rig.folder, NOW)
    restore(tmp_path / "old.tar", tmp_path / "elsewhere", NOW)
    restore(tmp_path / "new.tar", tmp_path / "elsewhere", NOW)
    assert contents(tmp_path / "elsewhere")[0]["candidates"] == 3
    [aside] = (tmp_path / "elsewhere").glob(f"before-restore-*-{DATABASE}")
    with sqlite3.connect(aside) as database:
        assert database.execute("SELECT count(*) FROM candidates").fetchone() == (2,)


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    """The archive again with members changed, left out or renamed."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            changed = change(member.name, file.read())
            if changed is not None:
                info = tarfile.TarInfo(changed[0])
                info.size = len(changed[1])
                new.addfile(info, io.BytesIO(changed[1]))


def _future(data: bytes) -> bytes:
    manifest = msgspec.json.decode(data, type=Manifest)
    return msgspec.json.encode(msgspec.structs.replace(manifest, schema_version=99))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, d: (n, d[:-1] + b"x") if n.startswith("evidence/") else (n, d), "is damaged"),
        (lambda n, d: (n, d[:-1] + b"x") if n == DATABASE else (n, d), "database in the backup is damaged"),
        (lambda n, d: None if n.startswith("evidence/") else (n, d), "holds 0 pictures of 2; it was cut off"),
        (lambda n, d: None if n == "manifest.json" else (n, d), "does not begin with a manifest"),
        (lambda n, d: ("../../escape", d) if n.startswith("evidence/") else (n, d), "is not part of a backup"),
        (lambda n, d: (n, _future(d)) if n == "manifest.json" else (n, d), "schema 99; this software knows"),
    ],
)
def test_a_damaged_foreign_or_newer_backup_is_refused_and_changes_nothing(
    change: Callable[[str, bytes], tuple[str, bytes] | None], words: str, rig: Rig, tmp_path: Path
) -> None:
    backup(rig.folder, tmp_path / "b.tar", NOW)
    _rewritten(tmp_path / "b.tar", tmp_path / "bad.tar", change)
    with pytest.raises(NotDone, match=r".") as raised:
        restore(tmp_path / "bad.tar", tmp_path / "new", NOW)
    assert words in str(raised.value)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["in-use.lock"]
    assert not (tmp_path.parent / "escape").exists()


def test_a_link_in_the_archive_is_refused(rig: Rig, tmp_path: Path) -> None:
    backup(rig.folder, tmp_path / "b.tar", NOW)
    with tarfile.open(tmp_path / "b.tar", "a") as tar:
        link = tarfile.TarInfo("evidence/aa/" + "a" * 64)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(NotDone, match="is no plain file"):
        restore(tmp_path / "b.tar", tmp_path / "new", NOW)


def test_the_commands_say_what_they_did_and_end_with_2_when_they_did_nothing(rig: Rig, tmp_path: Path) -> None:
    run = lambda *words: CliRunner().invoke(app, list(words))  # noqa: E731
    file, data = str(tmp_path / "b.tar"), str(rig.folder)
    made = run("backup", file, "--data", data)
    assert (made.exit_code, json.loads(made.stdout)["pictures"]) == (0, 2)
    again = run("backup", file, "--data", data)
    assert (again.exit_code, again.stderr.count("\n")) == (2, 1) and again.stderr.startswith("error: ")
    assert run("restore", file, "--data", str(tmp_path / "new")).exit_code == 0
    (tmp_path / "noise").write_bytes(b"noise" * 1000)
    assert run("restore", str(tmp_path / "noise"), "--data", str(tmp_path / "n")).exit_code == 2
    (tmp_path / "pg.toml").write_text('database_url = "postgresql://x/y"')
    refused = run("backup", str(tmp_path / "c.tar"), "--config", str(tmp_path / "pg.toml"))
    assert refused.exit_code == 2 and "pg_dump" in refused.stderr


def sweeper(rig: Rig, **settings: object) -> Retention:
    chosen = GatewaySettings(**settings)  # type: ignore[arg-type]
    return Retention(chosen, rig.database, rig.pictures, rig.counters, lambda: rig.now)


def test_retention_deletes_by_age_and_never_what_belongs_to_an_open_incident(rig: Rig) -> None:
    with rig.database.write() as tx:
        incidents.set_state(tx, rig.incident(0)["incident_id"], "closed", "2026-11-24T08:00:00.000000Z")
    rig.commit(candidate(9, seq=90, box=(9.0, 9.0, 1.0, 1.0)))
    assert sweeper(rig).sweep() == Swept()
    rig.now += timedelta(days=1000)
    assert sweeper(rig).sweep() == Swept(messages=2, pictures=1, dead_letters=1)
    kept = rig.rows(sa.select(tables.messages.c.seq).order_by(tables.messages.c.seq))
    assert [row["seq"] for row in kept] == [2, 12]
    there = [path.name for path in (rig.folder / "evidence").glob("*/*")]
    stored = rig.rows(sa.select(tables.evidence.c.sha256).where(tables.evidence.c.stored))
    assert there == [row["sha256"] for row in stored] and len(there) == 1
    assert rig.counters["retention_pictures"] == 1
    assert sweeper(rig).sweep() == Swept()


def test_retention_of_0_days_keeps_for_ever_and_a_step_takes_a_limited_number(rig: Rig) -> None:
    with rig.database.write() as tx:
        for number in (0, 1):
            incidents.set_state(tx, rig.incident(number)["incident_id"], "closed", "2026-11-24T08:00:00.000000Z")
    rig.now += timedelta(days=1000)
    never = {"keep_messages_days": 0, "keep_evidence_days": 0, "keep_dead_letters_days": 0}
    assert sweeper(rig, **never).sweep() == Swept()
    limited = sweeper(rig, retention_rows_max=1)
    assert limited.sweep() == Swept(messages=1, pictures=1) and limited.sweep().full(1)
