"""The data folder: rights, room, what waits to be sent, the evidence chain. Everything is only read."""

import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edge.care.vitals import disk_free_bytes, used_bytes
from edge.doctor.findings import Finding, Patient, bad, fine, note
from edge.evidence import KeyUnusable
from edge.evidence.check import CHAIN_FOLDER
from edge.evidence.key import PRIVATE_NAME, PUBLIC_NAME, read_public
from edge.evidence.lines import HEAD_NAME, Broken, read_head, segments
from edge.evidence.verify import Report, check_chain, numbered

MIB = 1024**2
HOUR_S = 3600.0
SEGMENTS_LOOKED_AT = 2  # of 4 MiB each: a few thousand records; `zhuomu evidence verify` looks at all and at the files


def permissions(patient: Patient) -> Iterator[Finding]:
    """Unredacted pictures and the device's key lie there: nobody else may read them."""
    if not patient.data.is_dir():
        yield note("data.absent", str(patient.data), "no data folder yet: never started", "尚无数据目录：未启动过")
        return
    wrong = False
    for path, forbidden in ((patient.data, 0o077), (patient.data / PRIVATE_NAME, 0o077)):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & forbidden:
            wrong = True
            mode = f"{stat.S_IMODE(path.stat().st_mode):o}"
            yield bad(
                "warning",
                "data.permissions",
                str(path),
                (f"others may read it (mode {mode})", f"权限过宽（{mode}），他人可读"),
                (f"chmod go= {path}", f"chmod go= {path}"),
            )
    if not wrong:
        yield fine("data.permissions", str(patient.data), "readable by its owner alone", "仅属主可读")


def disk(patient: Patient) -> Iterator[Finding]:
    """Room now, and whether the budgets fit the disk at all."""
    free = disk_free_bytes(patient.data if patient.data.exists() else patient.data.parent)
    if free is None:
        return
    settings, where = patient.settings, str(patient.data)
    records = sum(c.record.bytes_max for c in settings.camera if c.record.on)
    budgets = settings.originals_bytes_max + settings.outbox_bytes_max + settings.hard_bytes_max + records
    used = used_bytes(patient.data) if patient.data.exists() else 0
    if free < settings.free_bytes_min:
        yield bad(
            "error",
            "disk.full",
            where,
            (
                f"{free // MIB} MiB free, {settings.free_bytes_min // MIB} MiB have to stay free",
                f"仅剩 {free // MIB} MiB",
            ),
            ("make room on this disk, or lower the budgets", "清理磁盘或降低各项预算"),
        )
    elif budgets > free + used:
        yield bad(
            "warning",
            "disk.budgets",
            where,
            (
                f"the budgets add up to {budgets // MIB} MiB, the disk has room for {(free + used) // MIB} MiB",
                f"预算合计 {budgets // MIB} MiB，超过可用的 {(free + used) // MIB} MiB",
            ),
            ("lower originals_bytes_max or [camera.record] bytes_max", "降低 originals_bytes_max 或录像预算"),
        )
    else:
        yield fine("disk.ok", where, f"{free // MIB} MiB free, {used // MIB} MiB used", f"剩余 {free // MIB} MiB")


def outbox(patient: Patient) -> Iterator[Finding]:
    """How much waits, since when, what the centre refused, when it last receipted anything."""
    path = patient.data / f"{patient.settings.device}.db"
    if not path.exists():
        yield note("outbox.absent", str(path), "no outbox yet: never started", "尚无待发队列：未启动过")
        return
    try:
        with closing(_opened(path)) as conn:
            rows, oldest = conn.execute("select count(*), min(put_at) from outbox").fetchone()
            shelf = conn.execute("select count(*) from shelf").fetchone()[0]
    except sqlite3.Error as error:
        what = (f"cannot be read: {error}", f"无法读取：{error}")
        yield bad("error", "outbox.unreadable", str(path), what, ("check the disk", "检查磁盘"))
        return
    age_s = time.time() - oldest if rows else 0.0
    if shelf:
        words = (f"the centre refused {shelf} messages for good", f"中心拒收 {shelf} 条消息")
        yield bad("warning", "outbox.refused", str(path), words, ("see the gateway's dead letters", "查看网关死信"))
    yield _waiting(patient, path, rows, age_s)


def _waiting(patient: Patient, path: Path, rows: int, age_s: float) -> Finding:
    last = patient.status.last_receipt_at if patient.status else None
    since = f"last receipt {last.isoformat(timespec='seconds')}" if last else "no receipt since its start"
    if age_s < HOUR_S:
        return fine("outbox.ok", str(path), f"{rows} messages wait; {since}", f"待发 {rows} 条")
    return bad(
        "error" if age_s > 24 * HOUR_S else "warning",
        "outbox.old",
        str(path),
        (
            f"{rows} messages wait, the oldest for {age_s / HOUR_S:.1f} hours; {since}",
            f"待发 {rows} 条，最早已等 {age_s / HOUR_S:.1f} 小时",
        ),
        ("see the findings on the broker; nothing is lost meanwhile", "查看消息服务器各项；数据不会丢失"),
    )


def evidence(patient: Patient) -> Iterator[Finding]:
    """The newest part of the chain and its head."""
    folder = patient.data / CHAIN_FOLDER
    files = segments(folder) if folder.is_dir() else []
    if not files:
        yield fine("evidence.ok", str(folder), "no record yet", "尚无记录")
        return
    try:
        key = read_public(patient.data / PUBLIC_NAME)
        report = Report(path=str(folder), key=key.fingerprint, key_given=False)
        head = read_head((folder / HEAD_NAME).read_bytes(), key) if (folder / HEAD_NAME).exists() else None
        part = len(files) > SEGMENTS_LOOKED_AT or patient.running  # a running kiosk may write while this reads
        check_chain(_lines(files[-SEGMENTS_LOOKED_AT:]), key, report, None if part else head, part=part)
        faults = [fault.words for fault in report.faults]
    except (KeyUnusable, Broken, OSError) as error:
        report, faults = Report(path=str(folder), key="", key_given=False), [str(error)]
    if faults:
        yield bad(
            "error",
            "evidence.broken",
            str(folder),
            (f"first broken link: {faults[0]}", f"证据链断点：{faults[0]}"),
            (f"keep this folder; zhuomu evidence verify {patient.data}", "保全该目录并执行 zhuomu evidence verify"),
        )
    else:
        words = f"{report.records} newest records hold; zhuomu evidence verify looks at all of them and their files"
        yield fine("evidence.ok", str(folder), words, f"最近 {report.records} 条记录完整")


def _lines(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        with path.open("rb") as stream:
            yield from numbered(path.name, stream)


def _opened(path: Path) -> sqlite3.Connection:
    """Read-only. Where nobody has it open, SQLite is told that nobody will: otherwise it would make a shared-memory
    file of our own beside it, which the kiosk of another user could not use afterwards."""
    alone = not path.with_name(f"{path.name}-shm").exists()
    return sqlite3.connect(f"file:{path}?mode=ro{'&immutable=1' if alone else ''}", uri=True, timeout=5.0)
