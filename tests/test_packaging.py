"""What is installed is complete: the wheel carries every data file that the code reads."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
DATA = (
    "models/street.onnx",
    "models/street.json",
    "models/street-int8.xml",
    "models/street-int8.bin",
    "models/street-int8.json",
    "models/centerface.onnx",
    "edge/kiosk/calibrate.html",
    "edge/care/golden.jpg",
    "edge/care/golden-street.json",
    "edge/handset/page/dist/index.html",
    "edge/handset/page/dist/page.js",
    "edge/handset/page/dist/worker.js",
    "edge/handset/page/dist/icon-192.png",
    "edge/up/rules-demo.toml",
    "gateway/registry/standard_demo.toml",
    "gateway/static/map.js",
    "zhuomu.py",
)


@pytest.mark.slow
def test_the_wheel_carries_its_data_files_and_needs_no_torch(tmp_path: Path) -> None:
    """Built from a clean copy of the tracked files, as an installer would."""
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
        (metadata,) = (n for n in names if n.endswith("METADATA"))
        needs = [line for line in content.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert set(DATA) <= names
    default = [line for line in needs if "extra ==" not in line]
    assert not [
        line
        for line in default
        if "torch" in line or "ultralytics" in line or "nncf" in line or "opencv-python " in line
    ]
