"""The evidence chain: whatever is changed, removed, swapped or inserted is found and named; a fall is healed, aloud."""

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.evidence import Chain, ChainFailed, ChainLimits, DeviceKey, File, KeyUnusable, Proof, device_key, lines
from edge.evidence.canonical import canonical, read
from edge.evidence.check import verify
from edge.evidence.records import Deleted, Healed, Pruned, Times
from edge.evidence.verify import Report

RECORDS = 6
SCRIPT = Path(__file__).parent / "chain_appender.py"


def proof(number: int, names: dict[str, bytes] | None = None) -> Proof:
    """A manifest; `names` receives its files' bytes by name."""
    body = f"picture {number}".encode() * 10
    file = lines.hashlib.sha256(body).hexdigest()
    frame = File(sha256=file, size_bytes=len(body), media_type="image/jpeg")
    if names is not None:
        names[frame.name] = body
    return Proof(
        candidate=f"kiosk-1.{number:04d}",
        camera="北门 north",
        case_class="stall",
        rule="no stalls",
        rule_version="3",
        model="street",
        model_sha256="0" * 64,
        at="2026-11-24T08:00:00.000000Z",
        mono_us=number * 1_000_000,
        frame=frame,
        crop=frame,
        before=None,
        clip=None,
        missing={"clip": "the source gives no packets", "before": "none"},
        sent=[],
    )


def device(folder: Path, count: int = RECORDS, limits: ChainLimits | None = None) -> Chain:
    """A data folder with a key, a chain of `count` manifests, and their originals."""
    originals = folder / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    chain, files = Chain(folder / "evidence", device_key(folder), "kiosk-1", limits), dict[str, bytes]()
    for number in range(count):
        chain.append(proof(number, files))
    for name, data in files.items():
        (originals / name).write_bytes(data)
    return chain


@cache
def template() -> tuple[DeviceKey, bytes, bytes]:
    """(key, chain file, head) of a device, made once."""
    with TemporaryDirectory() as folder:
        device(Path(folder))
        evidence = Path(folder) / "evidence"
        chain = (evidence / lines.segment_name(1)).read_bytes()
        return device_key(Path(folder)), chain, (evidence / "head.json").read_bytes()


def verified(chain: bytes, head: bytes | None = None) -> Report:
    """What verify says of the template's device with another chain file; its originals are all there."""
    key, _, whole_head = template()
    with TemporaryDirectory() as name:
        folder = Path(name)
        device(folder)
        (folder / "evidence" / lines.segment_name(1)).write_bytes(chain)
        (folder / "evidence" / "head.json").write_bytes(whole_head if head is None else head)
        return verify(folder, key.public)


def first(report: Report) -> str:
    """The first broken link in words."""
    assert not report.holds
    return report.faults[0].words


def test_a_whole_chain_holds(tmp_path: Path) -> None:
    """All records and originals are read."""
    device(tmp_path)
    report = verify(tmp_path, device_key(tmp_path).public)
    assert report.holds and report.records == report.candidates == report.files_checked == RECORDS


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_single_changed_byte_is_found_and_its_record_named(data: st.DataObject) -> None:
    """In the record, its hash, its signature or its newline."""
    _, chain, _ = template()
    at = data.draw(st.integers(0, len(chain) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != chain[at]))
    changed = chain[:at] + bytes([other]) + chain[at + 1 :]
    number = chain[:at].count(b"\n") + 1
    report = verified(changed)
    assert not report.holds
    assert report.faults[0].record == number
    assert report.faults[0].what in {"changed byte", "wrong signature", "torn", "gap"}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, RECORDS - 1))
def test_any_removed_record_is_found_and_named(gone: int) -> None:
    """The first, one in the middle, and the last, which only the signed head misses."""
    rows = template()[1].splitlines(keepends=True)
    report = verified(b"".join(rows[:gone] + rows[gone + 1 :]))
    assert f"record {gone + 1} is missing" in first(report) and report.faults[0].record == gone + 1


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, RECORDS - 1), min_size=2, max_size=2, unique=True))
def test_any_two_swapped_records_are_found_and_named(pair: list[int]) -> None:
    """The earlier place is named."""
    i, j = sorted(pair)
    rows = template()[1].splitlines(keepends=True)
    rows[i], rows[j] = rows[j], rows[i]
    assert first(verified(b"".join(rows))).startswith(f"reordered: record {j + 1} stands where record {i + 1} belongs")


@settings(deadline=None, max_examples=20)
@given(st.integers(0, RECORDS), st.integers(0, RECORDS - 1))
def test_any_record_inserted_a_second_time_is_found(at: int, which: int) -> None:
    """A genuine record in a second place."""
    rows = template()[1].splitlines(keepends=True)
    report = verified(b"".join([*rows[:at], rows[which], *rows[at:]]))
    assert report.faults[0].what in {"inserted", "reordered"}
    assert f"record {which + 1} stands" in first(report)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, RECORDS), st.booleans())
def test_a_record_forged_with_another_key_is_found_and_named(at: int, in_place: bool) -> None:
    """As good as it can be made without the device's key, put in or put in another's place."""
    key = template()[0]
    rows = template()[1].splitlines(keepends=True)
    with TemporaryDirectory() as folder:
        stranger = device_key(Path(folder))
    real = lines.read_line(rows[at - 1][:-1], key.public).record
    forged = msgspec.structs.replace(real, body=proof(99))
    line, _ = lines.write_line(forged, stranger)
    report = verified(b"".join([*rows[: at - 1], line, *rows[at - 1 + in_place :]]))
    assert report.faults[0].record == at
    assert report.faults[0].what == ("wrong signature" if in_place else "inserted")


def test_a_rewritten_end_of_the_chain_is_found_by_the_hash_that_the_centre_holds(tmp_path: Path) -> None:
    """Whoever has the device's key can write another history; a candidate's record hash at the centre contradicts."""
    chain = device(tmp_path, 2)
    held = chain.append(proof(7))
    for path in (tmp_path / "evidence").iterdir():
        path.unlink()
    device(tmp_path, 4)
    assert verify(tmp_path).holds
    assert "was taken away" in first(verify(tmp_path, expect=held))


@pytest.mark.parametrize("how", ["missing", "changed", "key", "head", "no head"])
def test_what_lies_beside_the_chain_is_part_of_the_proof(tmp_path: Path, how: str) -> None:
    """Each is named in words."""
    device(tmp_path)
    picture = tmp_path / "originals" / proof(3).frame.name
    head = tmp_path / "evidence" / "head.json"
    key = device_key(tmp_path / "other").public if how == "key" else None
    if how == "missing":
        picture.unlink()
    elif how == "changed":
        picture.write_bytes(b"q" + picture.read_bytes()[1:])
    elif how == "head":
        head.write_bytes(head.read_bytes().replace(b'"seq":6', b'"seq":5'))
    elif how == "no head":
        head.unlink()
    words = {
        "missing": f"record 4: missing file: {picture.name} is not there, and no record says that it was deleted",
        "changed": f"record 4: changed byte in {picture.name}",
        "key": "record 1 (chain-000000000001.jsonl line 1): wrong signature: another key signed it",
        "head": "head.json: wrong signature",
        "no head": "head.json is missing",
    }
    report = verify(tmp_path, key)
    if how == "key":
        report.faults = [fault for fault in report.faults if fault.record]
    assert first(report).startswith(words[how])


def test_an_original_that_the_device_gave_up_itself_is_no_fault(tmp_path: Path) -> None:
    """Its deletion stands in the chain."""
    chain = device(tmp_path)
    name = proof(0).frame.name
    chain.append(Deleted(names=[name], why="budget"))
    (tmp_path / "originals" / name).unlink()
    report = verify(tmp_path)
    assert report.holds and report.files_deleted == 1


def cut_ends() -> list[int]:
    """How many bytes of the last record are on the disk when the power goes: none is missing, one, all but one, ..."""
    last = len(template()[1].splitlines(keepends=True)[-1])
    return [1, 2, last // 2, last - 2, last - 1]


@pytest.mark.parametrize("left", cut_ends())
def test_a_torn_last_record_is_recognised_healed_and_told(tmp_path: Path, left: int) -> None:
    """The head still names the record before; the next start cuts the rest off and a record says so."""
    device(tmp_path, RECORDS - 1)
    head = (tmp_path / "evidence" / "head.json").read_bytes()
    chain = device(tmp_path, 0)
    chain.append(proof(RECORDS - 1))
    path = tmp_path / "evidence" / lines.segment_name(1)
    whole = path.read_bytes()
    begin = whole.rfind(b"\n", 0, len(whole) - 1) + 1
    path.write_bytes(whole[: begin + left])
    (tmp_path / "evidence" / "head.json").write_bytes(head)
    torn = verify(tmp_path)
    assert torn.faults[0].what == "torn" and torn.faults[0].record == RECORDS
    started = device(tmp_path, 0)
    started.check()
    assert started.counters["chain_healed"] == 1
    started.append(proof(50))
    (tmp_path / "originals" / proof(50).frame.name).write_bytes(b"picture 50" * 10)
    report = verify(tmp_path)
    assert report.holds, report.faults
    assert report.notes == [f"record {RECORDS}: {left} bytes of an unfinished record were cut off after a power loss"]


def test_complete_records_that_vanished_stay_a_fault_after_the_next_start(tmp_path: Path) -> None:
    """Two records taken off the end while the device was off: it goes on, and says for ever that two are gone."""
    device(tmp_path)
    path = tmp_path / "evidence" / lines.segment_name(1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    device(tmp_path, 1)
    assert first(verify(tmp_path)).startswith(f"2 complete records before record {RECORDS - 1} were damaged or taken")


def test_a_head_that_lags_behind_after_a_kill_between_record_and_head_is_no_fault(tmp_path: Path) -> None:
    """And the next record brings it up."""
    device(tmp_path)
    head = (tmp_path / "evidence" / "head.json").read_bytes()
    chain = device(tmp_path, 0)
    chain.append(proof(0))
    (tmp_path / "evidence" / "head.json").write_bytes(head)
    assert verify(tmp_path).holds
    started = device(tmp_path, 1)
    assert verify(tmp_path).holds and started.counters["chain_healed"] == 0


def test_a_device_killed_while_it_appends_loses_no_record_that_was_durable(tmp_path: Path) -> None:
    """SIGKILL at random moments: what `append` returned for is there, the chain holds, numbers have no gap."""
    rng, durable = random.Random(20261124), 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert process.stdout is not None
        for _ in range(rng.randint(3, 40)):
            durable = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        durable = max([durable, *map(int, process.stdout.read().split())])
        process.wait()
        process.stdout.close()
        Chain(tmp_path / "evidence", device_key(tmp_path), "kiosk-1").check()
        report = verify(tmp_path)
        assert report.holds, report.faults
        assert report.records >= durable
    assert durable > 18


def test_two_writers_make_one_chain(tmp_path: Path) -> None:
    """A kiosk and an export at the same time; threads of two Chain objects stand for them."""
    device(tmp_path, 1)
    chains = [Chain(tmp_path / "evidence", device_key(tmp_path), "kiosk-1") for _ in range(2)]

    def write(chain: Chain) -> None:
        for _ in range(15):
            chain.append(proof(0))

    threads = [threading.Thread(target=write, args=(chain,)) for chain in chains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = verify(tmp_path)
    assert report.holds and report.records == 31


def test_files_of_a_chain_follow_each_other_and_the_oldest_goes_with_a_record_that_says_so(tmp_path: Path) -> None:
    """A limit on everything, none of them silent."""
    limits = ChainLimits(segment_bytes=4000, segments_max=3)
    chain = device(tmp_path, 30, limits)
    report = verify(tmp_path)
    assert report.holds, report.faults
    assert len(lines.segments(tmp_path / "evidence")) <= 3
    assert chain.counters["chain_pruned"] > 0 and any("were given up for room" in note for note in report.notes)
    lines.segments(tmp_path / "evidence")[0].unlink()
    assert "gap" in first(verify(tmp_path))


def test_a_disk_that_takes_no_record_leaves_the_chain_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a record is written, then the disk is full: it is taken back, and the next one follows the last good one."""
    chain = device(tmp_path, 2)
    real, path = os.write, tmp_path / "evidence" / lines.segment_name(1)
    before = path.read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 300:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[: len(data) - 200])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ChainFailed, match="No space left"):
        chain.append(proof(5))
    monkeypatch.undo()
    assert path.read_bytes() == before and chain.counters["chain_failed"] == 1
    chain.append(proof(0))
    assert verify(tmp_path).holds


def test_the_key_is_made_once_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    """A damaged key is refused in one line instead of being replaced."""
    made = device_key(tmp_path)
    path = tmp_path / "device.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert device_key(tmp_path).public.fingerprint == made.public.fingerprint
    path.write_bytes(b"")
    with pytest.raises(KeyUnusable, match="not a device key that can be read") as refused:
        device_key(tmp_path)
    assert path.read_bytes() == b"" and "\n" not in str(refused.value)


def bodies() -> st.SearchStrategy[object]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    number = st.integers(0, 2**53 - 1)
    return st.one_of(
        st.builds(Deleted, names=st.lists(text, max_size=5), why=text),
        st.builds(Healed, lost_bytes=number, lost_sha256=text, lost_records=number),
        st.builds(Pruned, first=number, previous=text),
    )


@settings(deadline=None)
@given(bodies())
def test_canonical_json_is_one_form_and_comes_back(body: object) -> None:
    """Sorted, without white space, and a reader gets what was written."""
    data = canonical(body)
    assert canonical(read(data)) == data == canonical(json.loads(data))
    with pytest.raises(ValueError, match="canonical"):
        read(data.replace(b":", b": ", 1))


@pytest.mark.parametrize("value", [1.5, {"a": float("nan")}, [2**53]])
def test_numbers_that_others_might_write_otherwise_have_no_canonical_form(value: object) -> None:
    with pytest.raises(ValueError, match="has no canonical form"):
        canonical(value)


def test_times_can_be_replaced_for_a_test_and_stand_in_each_record(tmp_path: Path) -> None:
    """Wall, monotonic, boot, and the kernel's estimate of the clock's error."""
    given = Times(wall="w", mono_us=1, boot="b", clock_synchronised=True, clock_offset_us=-250, clock_error_us_max=9000)
    times: Callable[[], Times] = lambda: given  # noqa: E731
    Chain(tmp_path / "evidence", device_key(tmp_path), "k", times=times).append(Deleted(names=[], why=""))
    line = (tmp_path / "evidence" / lines.segment_name(1)).read_bytes()[:-1]
    assert lines.read_line(line, device_key(tmp_path).public).record.times == given
