"""The phone page's core says and shows what the Python client does, step by step, on the same vectors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import handset_vectors
import msgspec
import pytest
from conftest import REPOSITORY, missing
from phone_rig import CHROMIUM
from playwright.sync_api import Page, sync_playwright

from edge.handset.track import thinned
from edge.wire import Point

FILE = json.loads((Path(__file__).parent / "data" / "handset-vectors.json").read_text(encoding="utf-8"))
VECTORS: list[dict[str, Any]] = FILE["vectors"]
NAMES = [vector["name"] for vector in VECTORS]
CORE = REPOSITORY / "edge" / "handset" / "page" / "check" / "vectors.js"


@pytest.fixture(scope="module")
def core() -> Iterator[Page]:
    """The built core in a page of its own."""
    if not CHROMIUM.exists():
        missing("chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=CORE)
        yield page
        browser.close()


def _same(name: str, steps: list[Any], gave: list[Any], wanted: list[Any]) -> None:
    for number, (step, one, other) in enumerate(zip(steps, gave, wanted, strict=True)):
        assert one == other, f"{name}, step {number}: {step}"


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_the_python_client_gives_what_the_vectors_say(vector: dict[str, Any]) -> None:
    _same(vector["name"], vector["steps"], handset_vectors.run(vector), vector["gives"])


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
def test_the_phone_gives_what_the_vectors_say(core: Page, vector: dict[str, Any]) -> None:
    gave = core.evaluate("(vector) => vectors.run(vector)", vector)
    _same(vector["name"], vector["steps"], gave, vector["gives"])


def test_both_thin_a_track_to_the_same_points(core: Page) -> None:
    points, wanted = FILE["track"]["points"], FILE["track"]["gives"]
    assert msgspec.to_builtins(thinned(msgspec.convert(points, list[Point]))) == wanted
    assert core.evaluate("(points) => vectors.runTrack(points)", points) == wanted
    assert 2 < len(wanted) < len(points)
