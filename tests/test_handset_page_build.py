"""What is committed of the phone page is the build of its sources, and its lock file names no registry."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

from conftest import REPOSITORY

PAGE = REPOSITORY / "edge" / "handset" / "page"
MADE_OF = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json", "src", "static")


def _sources() -> str:
    """As edge/handset/page/build.mjs says it: path, length and bytes of every source, in the order of their paths."""
    sources = [PAGE / name for name in MADE_OF]
    found = [path for source in sources for path in ([source] if source.is_file() else source.rglob("*"))]
    files = {path.relative_to(PAGE).as_posix(): path.read_bytes() for path in found if path.is_file()}
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return total.hexdigest()


def test_the_committed_build_was_made_of_the_committed_sources() -> None:
    built = json.loads((PAGE / "dist" / "build.json").read_text(encoding="utf-8"))
    assert built["sources_sha256"] == _sources(), "the phone page's sources changed: run `make page`"
    for name in ("page.js", "worker.js"):
        assert built["sources_sha256"][:12] in (PAGE / "dist" / name).read_text(encoding="utf-8")
    for path in (PAGE / "static").iterdir():
        assert (PAGE / "dist" / path.name).read_bytes() == path.read_bytes()


def test_building_it_again_gives_the_same_bytes_where_node_and_its_packages_are(tmp_path: Path) -> None:
    """Elsewhere the copy of the sources is not built, and stays what is committed."""
    copy = tmp_path / "page"
    shutil.copytree(PAGE, copy, ignore=shutil.ignore_patterns("node_modules"))
    if shutil.which("node") and (PAGE / "node_modules").is_dir():
        (copy / "node_modules").symlink_to(PAGE / "node_modules")
        shutil.rmtree(copy / "dist")
        subprocess.run(["node", "build.mjs"], cwd=copy, check=True, capture_output=True, timeout=120)
    for name in ("dist/page.js", "dist/worker.js", "dist/licenses.txt", "check/vectors.js"):
        assert (copy / name).read_bytes() == (PAGE / name).read_bytes(), f"{name}: run `make page`"


def test_the_lock_file_names_no_host_that_packages_come_from() -> None:
    lock = json.loads((PAGE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages and all(package["integrity"] and "resolved" not in package for package in packages.values())
    bundled = (PAGE / "dist" / "page.js").read_text(encoding="utf-8")
    assert not re.findall(r"https?://[a-z0-9.-]*(?:cdn|unpkg|jsdelivr|googleapis)[a-z0-9.-]*", bundled)
