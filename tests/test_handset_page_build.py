"""What is committed of the phone page is the build of its sources, and its lock file names no registry."""

import hashlib
import json
import re

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


def test_nobody_has_touched_what_was_built() -> None:
    """`make page` writes the hashes of everything that it built."""
    lines = (PAGE / "check" / "built.sha256").read_text(encoding="utf-8").splitlines()
    told = {name: sha256 for sha256, name in (line.split(maxsplit=1) for line in lines)}
    built = [*(PAGE / "dist").iterdir(), PAGE / "check" / "vectors.js"]
    found = {path.relative_to(PAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in built}
    assert found == told, "what is built differs from what `make page` wrote: run it again"


def test_the_lock_file_names_no_host_that_packages_come_from() -> None:
    lock = json.loads((PAGE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages and all(package["integrity"] and "resolved" not in package for package in packages.values())
    bundled = (PAGE / "dist" / "page.js").read_text(encoding="utf-8")
    assert not re.findall(r"https?://[a-z0-9.-]*(?:cdn|unpkg|jsdelivr|googleapis)[a-z0-9.-]*", bundled)
