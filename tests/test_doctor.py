"""The doctor's words: each thing that can be wrong with a kiosk is found, named, and left as it was."""

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import REPOSITORY, free_port, mosquitto
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_wire_contract import a_candidate
from typer.testing import CliRunner

from edge.care import Shelf, State
from edge.care.pulse import Snapshot
from edge.doctor import broker, cameras, data, machine, model
from edge.doctor.cli import doctor, examine, text
from edge.doctor.findings import Finding, Patient, exit_status
from edge.evidence import Chain, device_key
from edge.evidence.records import Pruned
from edge.kiosk.config import CameraSettings, CareSettings, KioskSettings
from edge.link import Broker, Outbox
from edge.wire import Versions, Vitals

AT = datetime.now(UTC)


def patient(folder: Path, status: Snapshot | None = None, running: bool = False, **settings: object) -> Patient:
    """A kiosk with one camera; its data folder exists."""
    folder.mkdir(exist_ok=True, mode=0o700)
    values: dict[str, object] = {"camera": [CameraSettings("north", "rtsp://127.0.0.1:1/none")]}
    known = KioskSettings(device="kiosk-1", data=str(folder), rules="rules.toml", **(values | settings))  # type: ignore[arg-type]
    return Patient(known, folder, status, running)


def codes(findings: Iterator[Finding]) -> dict[str, Finding]:
    """By code; what is wrong says what to do, in both languages."""
    found = {finding.code: finding for finding in findings}
    for finding in found.values():
        assert finding.what.en and finding.what.zh
        assert bool(finding.do.en) == bool(finding.do.zh) == (finding.severity in ("warning", "error"))
        assert text(finding).count("\n") == 1 + bool(finding.do.en)
    return found


def test_settings_that_cannot_be_read_are_the_first_and_only_word(tmp_path: Path) -> None:
    """As a process: exit status 2, the line in JSON."""
    (tmp_path / "kiosk.toml").write_text('device = "kiosk-1"\ndata = "d"\nrules = "r.toml"\ncamera = 5\n')
    import typer

    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, ["--config", str(tmp_path / "kiosk.toml"), "--json"])
    report = json.loads(done.stdout)
    assert (done.exit_code, report["exit"]) == (2, 2)
    (only,) = report["findings"]
    assert only["code"] == "config.unusable" and "camera" in only["what"]["en"]


def test_a_version_from_afar_that_is_gone_is_told(tmp_path: Path) -> None:
    """The kiosk would go back; the doctor writes nothing."""
    (tmp_path / "rules.toml").write_text((REPOSITORY / "edge" / "up" / "rules-demo.toml").read_text())
    settings = 'device = "kiosk-1"\ndata = "data"\nrules = "rules.toml"\n[broker]\nport = 1\n'
    (tmp_path / "kiosk.toml").write_text(settings + '[[camera]]\nname = "north"\nsource = "rtsp://192.0.2.1/x"\n')
    shelf = Shelf(tmp_path / "data" / "care")
    shelf.write(State(good=7))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    found = codes(examine(tmp_path / "kiosk.toml", 0.0))
    assert found["config.afar"].severity == "error" and "version 7" in found["config.afar"].what.en
    assert found["broker.unreachable"].severity == "error"
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_broker_that_refuses_and_one_that_is_away(tmp_path: Path) -> None:
    """Mosquitto with a password file: the wrong one is told, the right one taken; a running kiosk is not pushed out."""
    away = codes(broker.look(patient(tmp_path / "d", broker=Broker(port=free_port()))))
    assert away["broker.unreachable"].severity == "error"
    folder = tmp_path / "broker"
    folder.mkdir()
    real = mosquitto(folder)
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "passwords"), "kiosk-1", "right"], check=True)
    config = folder / "mosquitto.conf"
    lines = [line for line in config.read_text().splitlines() if "allow_anonymous" not in line]
    config.write_text("\n".join([*lines, "allow_anonymous false", f"password_file {folder / 'passwords'}", ""]))
    real.start()
    try:
        for password, code in (("wrong", "broker.refused"), ("right", "broker.ok")):
            line = Broker(port=real.port, username="kiosk-1", password=password)
            assert code in codes(broker.look(patient(tmp_path / "d", broker=line)))
        line = Broker(port=real.port, username="kiosk-1", password="wrong")
        now = Snapshot(at=AT, connected=True)
        assert "broker.ok" in codes(broker.look(patient(tmp_path / "d", now, True, broker=line)))
    finally:
        real.kill()


@pytest.mark.parametrize(("days", "severity"), [(90, "ok"), (5, "warning")])
def test_a_certificate_s_end_is_told_in_time(tmp_path: Path, days: int, severity: str) -> None:
    """Of the broker, over a real TLS socket, and of our own file."""
    pem = certificate(tmp_path, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            plain, _ = server.accept()
            with context.wrap_socket(plain, server_side=True) as secure:
                secure.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        trusting = broker.client_context(str(pem), "", "")
        found = codes(broker.certificates("127.0.0.1", port, trusting, "broker.test", str(pem)))
        thread.join(5.0)
    assert {found[code].severity for code in ("broker.certificate", "broker.own_certificate")} == {severity}


def test_a_broker_without_tls_where_it_is_asked_for(tmp_path: Path) -> None:
    """In words, not as a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"no TLS here"), daemon=True)
        thread.start()
        port = server.getsockname()[1]
        found = codes(broker.certificates("127.0.0.1", port, broker.client_context("", "", ""), "broker.test"))
        thread.join(5.0)
    assert found["broker.tls"].severity == "error"


def test_cameras_that_are_away_dark_or_fine(tmp_path: Path) -> None:
    """Each by itself, with what it sends."""
    rng = np.random.default_rng(1)
    for name, level in (("dark", 4), ("fine", 128)):
        (tmp_path / name).mkdir()
        for number in range(3):
            picture = np.full((360, 640, 3), level, np.int16)
            picture[::40] += level // 2
            picture += rng.integers(-level // 2, level // 2 + 1, picture.shape, np.int16)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), picture.clip(0, 255).astype(np.uint8))
    three = [
        CameraSettings("away", f"rtsp://admin:secret@127.0.0.1:{free_port()}/none"),
        CameraSettings("dark", str(tmp_path / "dark")),
        CameraSettings("fine", str(tmp_path / "fine")),
    ]
    found = list(cameras.look(patient(tmp_path / "d", camera=three), 2.0))
    codes(iter(found))
    assert [(one.where, one.code) for one in found if one.where != "dark"] == [
        ("away", "camera.refused"),
        ("fine", "camera.ok"),
    ]
    assert "secret" not in text(found[0]) and "//***@127.0.0.1" in text(found[0])
    assert any(one.code == "camera.dark" and one.severity == "warning" for one in found if one.where == "dark")


def test_a_frozen_camera_and_rare_key_frames_are_told(tmp_path: Path) -> None:
    """By what came: pictures alike to the last pixel, 25 s between key frames, two pictures a second."""
    from edge.doctor.cameras import Look, _faults

    grey = np.full((90, 160), 120, np.uint8)
    image = np.random.default_rng(1).integers(60, 200, (90, 160, 3), np.uint8)
    seen = Look("h264", (90, 160), 51, 0.0, 25.0, [0.0, 25.0], [grey, grey.copy()], image)
    found = codes(_faults(patient(tmp_path / "d"), CameraSettings("n", "rtsp://192.0.2.1/x"), seen))
    assert {"camera.frozen", "camera.long_gop", "camera.slow"} <= set(found)
    assert "2.0 pictures" in found["camera.slow"].what.en
    file = codes(_faults(patient(tmp_path / "d"), CameraSettings("n", "recording.mp4"), seen))
    assert "camera.frozen" not in file and "camera.slow" not in file


def test_a_network_that_is_not_its_manifest_s(tmp_path: Path) -> None:
    """And the one that ships, which knows the golden picture."""
    from edge.kiosk.config import ModelSettings

    good = codes(model.look(patient(tmp_path / "d", model=ModelSettings("street-int8")), tmp_path / "kiosk.toml"))
    assert (good["model.hash"].severity, good["model.golden"].severity) == ("ok", "ok")
    (tmp_path / "net.onnx").write_bytes(b"no network")
    (tmp_path / "net.json").write_text(
        json.dumps({"name": "n", "sha256": "0" * 64, "classes": ["x"], "input": {"size_px": 640, "stride_px": 32}})
    )
    bad = codes(model.look(patient(tmp_path / "d", model=ModelSettings("net.onnx")), tmp_path / "kiosk.toml"))
    assert bad["model.unusable"].severity == "error"


def test_the_outbox_is_read_without_leaving_a_file_behind(tmp_path: Path) -> None:
    """Its depth, the age of the oldest message, what was refused; while the kiosk has it open, and afterwards."""
    here = patient(tmp_path / "d")
    assert codes(data.outbox(here))["outbox.absent"].severity == "note"
    path = here.data / "kiosk-1.db"
    outbox = Outbox(path, "kiosk-1")
    outbox.put(a_candidate(), a_candidate())
    assert "2 messages wait" in codes(data.outbox(here))["outbox.ok"].what.en
    outbox.close()
    files = sorted(here.data.iterdir())
    assert "2 messages wait" in codes(data.outbox(here))["outbox.ok"].what.en
    assert sorted(here.data.iterdir()) == files
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("update outbox set put_at = put_at - 7200")
    assert codes(data.outbox(here))["outbox.old"].severity == "warning"
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("update outbox set put_at = put_at - 200000")
        conn.execute("insert into shelf values (9, 'candidate', x'00', 100, 'no')")
    found = codes(data.outbox(here))
    assert (found["outbox.old"].severity, found["outbox.refused"].severity) == ("error", "warning")
    path.write_bytes(b"this is no database" * 100)
    assert codes(data.outbox(here))["outbox.unreadable"].severity == "error"


def test_rights_and_room(tmp_path: Path) -> None:
    """A folder that others may read, budgets that the disk cannot hold, a floor that is not free."""
    here = patient(tmp_path / "d", originals_bytes_max=2**60)
    assert codes(data.permissions(here))["data.permissions"].severity == "ok"
    here.data.chmod(0o755)
    assert codes(data.permissions(here))["data.permissions"].severity == "warning"
    assert codes(data.disk(here))["disk.budgets"].severity == "warning"
    full = patient(tmp_path / "d", free_bytes_min=2**60)
    assert codes(data.disk(full))["disk.full"].severity == "error"


def test_a_broken_evidence_chain_is_told(tmp_path: Path) -> None:
    """One digit of one record."""
    here = patient(tmp_path / "d")
    chain = Chain(here.data / "evidence", device_key(here.data), "kiosk-1")
    for number in range(3):
        chain.append(Pruned(first=number, previous="0" * 64))
    assert codes(data.evidence(here))["evidence.ok"].severity == "ok"
    (path,) = (here.data / "evidence").glob("chain-*.jsonl")
    body = path.read_bytes()
    path.write_bytes(body.replace(b'"first":1', b'"first":8'))
    assert codes(data.evidence(here))["evidence.broken"].severity == "error"


def test_a_kiosk_that_does_not_run_and_one_that_gave_a_version_up(tmp_path: Path) -> None:
    """By its own last word, and whether that process is still there."""
    mine = Snapshot(at=datetime.now(UTC), pid=os.getpid())
    assert machine.runs(mine) and not machine.runs(None)
    assert not machine.runs(Snapshot(at=datetime.now(UTC) - timedelta(minutes=5), pid=os.getpid()))
    assert codes(machine.process(patient(tmp_path / "d", mine)))["kiosk.stopped"].severity == "warning"
    mine.versions = Versions(config=3, config_state="good", config_refused=4, config_reason="camera north")
    mine.vitals = Vitals(clock_offset_s=-3600.0, clock_source="gateway")
    here = patient(tmp_path / "d", mine, True)
    found = codes(machine.process(here))
    assert found["kiosk.running"].severity == "ok" and "camera north" in found["kiosk.refused"].what.en
    assert codes(machine.time_of_day(here))["clock.off"].severity == "error"


def test_the_machine_and_a_port_that_is_taken(tmp_path: Path) -> None:
    """Memory and processor are told in any case."""
    here = patient(tmp_path / "d")
    assert set(codes(machine.memory_and_heat(here))) & {"memory.ok", "memory.low"}
    assert set(codes(machine.processor(here))) & {"cpu.ok", "cpu.old", "cpu.other"}
    assert not list(machine.ports(here))
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = patient(tmp_path / "d", care=CareSettings(metrics_port=other.getsockname()[1]))
        assert codes(machine.ports(taken))["port.taken"].severity == "warning"
    free = patient(tmp_path / "d", care=CareSettings(metrics_port=free_port()))
    assert codes(machine.ports(free))["port.ok"].severity == "ok"


def test_the_exit_status_is_the_worst_finding_s() -> None:
    """0, 1 or 2."""
    from edge.doctor.findings import bad, fine, note

    pair = ("a", "b")
    well = [fine("c", "w", "a", "b"), note("c", "w", "a", "b")]
    assert exit_status([]) == exit_status(well) == 0
    assert exit_status([*well, bad("warning", "c", "w", pair, pair)]) == 1
    assert exit_status([bad("error", "c", "w", pair, pair), *well]) == 2


def certificate(folder: Path, days: int) -> Path:
    """A self-signed one for broker.test, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("broker.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, no = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, form, no) + made.public_bytes(serialization.Encoding.PEM)
    path = folder / "broker.pem"
    path.write_bytes(pem)
    return path
