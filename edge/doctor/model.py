"""The network: is it there, is it the one its manifest names, does it still know the golden picture?"""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import msgspec

from detectors import DetectorError, load_detector
from detectors.manifest import located, shipped_dir, verified
from edge.care.golden import SCORE_MIN, check_golden
from edge.care.release import MANIFEST_NAME, Golden, ReleaseRefused, read_release
from edge.doctor.findings import Finding, Patient, bad, fine, note
from edge.kiosk.node import network_of

INSTALL = ("install zhuomu again, or wish for another network", "重新安装，或下发其他模型")


def shipped_golden() -> Golden:
    """What the networks that ship find in the golden picture that ships."""
    return msgspec.json.decode((Path(str(files("edge.care"))) / "golden-street.json").read_bytes(), type=Golden)


def look(patient: Patient, settings_file: Path) -> Iterator[Finding]:
    """Loads the network, runs it once, on one thread."""
    chosen = patient.settings.model
    try:
        manifest = verified(located(network_of(settings_file, chosen.path)))
        where = manifest.name
        yield fine("model.hash", where, "every byte is the manifest's", "文件与清单一致")
        golden, picture = _golden(patient, manifest.path)
        if golden is None:
            yield note("model.untested", where, "no golden picture belongs to it", "该模型没有自检样张")
            return
        detector = load_detector(manifest.path, chosen.backend, SCORE_MIN, 1, chosen.size or None)
        wrong = check_golden(detector, picture, golden)
    except (DetectorError, ReleaseRefused) as error:
        yield bad("error", "model.unusable", chosen.path or "street", (str(error), f"模型不可用：{error}"), INSTALL)
        return
    if wrong:
        yield bad("error", "model.golden", where, (wrong, f"样张自检不通过：{wrong}"), INSTALL)
    else:
        words = f"finds the {len(golden.things)} things of the golden picture"
        yield fine("model.golden", where, words, f"样张自检通过（{len(golden.things)} 处）")


def _golden(patient: Patient, network: Path) -> tuple[Golden | None, Path]:
    if patient.release is not None and (patient.release / MANIFEST_NAME).is_file():
        golden = read_release(patient.release).golden
        return golden, patient.release / golden.picture
    if network.parent == shipped_dir() and network.stem.startswith("street"):
        golden = shipped_golden()
        return golden, Path(str(files("edge.care"))) / golden.picture
    return None, network
