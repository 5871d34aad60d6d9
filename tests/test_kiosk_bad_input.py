"""A kiosk refuses unusable settings in one clear line and leaves nothing half-written."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.up.cli import RULES

GOOD = 'device = "kiosk-1"\ndata = "data"\nrules = "{rules}"\n[[camera]]\nname = "a"\nsource = "pictures"\n'


def start(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """`zhuomu kiosk --check` on a settings file."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "a.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "kiosk.toml").write_text(text.format(rules=RULES))
    command = [sys.executable, "-m", "zhuomu", "kiosk", "--config", "kiosk.toml", "--check"]
    environment = {"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_good_settings_are_accepted(tmp_path: Path) -> None:
    """Relative paths start at the file's folder."""
    done = start(tmp_path, GOOD)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace('"a"', "a"), "not valid TOML"),
        (GOOD + "colour = 1\n", "colour"),
        (GOOD.replace('"kiosk-1"', '"Kiosk 1"'), "device"),
        (GOOD.replace("{rules}", "nowhere.toml"), "no such file"),
        (GOOD.replace('"pictures"', '"nowhere"'), "no such file or folder"),
        (GOOD + '[[camera]]\nname = "a"\nsource = "pictures"\n', "stands twice"),
        (GOOD + '[model]\npath = "kiosk.toml"\n', "no manifest"),
        (GOOD + '[model]\nbackend = "magic"\n', "magic"),
        (GOOD + "detect_fps = 0\n", "detect_fps"),
    ],
)
def test_broken_settings_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """What, where, what to do; exit status 2; no database begun."""
    done = start(tmp_path, text)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert not (tmp_path / "data" / "kiosk-1.db").exists()
