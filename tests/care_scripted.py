"""A device without cameras that takes wishes, as a process that tests kill: `care_scripted.py FOLDER`, and a line on
stdin for each life: how many wishes, and at which of its steps on the disk it is killed (0: never). Lives are forked:
one start of Python serves all of them.

It starts as a kiosk does, says which version it runs, is wished the next, switches (here: in the same process), and
judges it at once. Every odd version sees its cameras; every even one is blind and has to be given up.
"""

import hashlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from edge.care.fetch import Releases
from edge.care.keeper import Keeper, Wish, WishRefused, start
from edge.care.shelf import Shelf
from edge.link.logs import to_stderr
from edge.wire import Config

BODY_BYTES = 20_000


def body_of(version: int) -> str:
    """A document of some size that nobody else has."""
    return json.dumps({"version": version, "filling": str(version) * (BODY_BYTES // len(str(version)))})


def wish(version: int) -> Config:
    """As the gateway sends it."""
    body = body_of(version)
    return Config(device="kiosk-1", version=version, body=body, sha256=hashlib.sha256(body.encode()).hexdigest())


def check(body: bytes) -> Wish:
    """Two files, so that half of them could be there."""
    if not body.startswith(b"{"):
        raise WishRefused("not a document")
    return Wish({"wanted.json": body, "rules.toml": hashlib.sha256(body).hexdigest().encode()}, {"cam"}, {"cam"})


def one_life(folder: Path) -> int:
    """From a start to the switch, or to the judgement; returns the version in force then."""
    shelf = Shelf(folder / "care")
    state = start(shelf).state
    _say(running=state.in_force, whole=state.in_force == 0 or whole(shelf, state.in_force))
    keeper = Keeper(
        shelf,
        state,
        check=check,
        releases=Releases(folder / "releases", [], 3, 10**6),
        client=httpx.Client,
        seeing=lambda: {"cam"},
        probation_s=0.0,
    )
    if state.trial:
        keeper.watch(1.0, {"cam"} if state.trial % 2 else set())
        keeper.watch(2.0, {"cam"} if state.trial % 2 else set())
    else:
        keeper.begin()
        keeper.offer(wish(state.newest + 1))
        keeper.restart.wait(30.0)
    keeper.close()
    return keeper.state.newest


def whole(shelf: Shelf, version: int) -> bool:
    """Whether both files of a version are there and belong together."""
    folder = shelf.of(version)
    body = (folder / "wanted.json").read_bytes()
    digest = (folder / "rules.toml").read_text()
    return body == body_of(version).encode() and digest == hashlib.sha256(body).hexdigest()


def _say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def kill_at_step(folder: Path, number: int) -> None:
    """SIGKILL before the so many-th opening, syncing, renaming, making or removing below the folder."""
    steps = itertools.count(1)
    events = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}

    def step() -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, args: tuple[object, ...]) -> None:
        if event in events and str(args[0]).startswith(str(folder)):
            step()

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        step()
        real(descriptor)

    os.fsync = fsync
    sys.addaudithook(heard)


def live(folder: Path, wishes: int) -> None:
    """Until so many versions were taken and judged."""
    while one_life(folder) < wishes or Shelf(folder / "care").read().trial:
        pass
    _say(done=True)


def main(folder: Path) -> None:
    """A life for each line."""
    to_stderr()
    for line in sys.stdin:
        wishes, kill_at = map(int, line.split())
        child = os.fork()
        if child == 0:
            if kill_at:
                kill_at_step(folder, kill_at)
            live(folder, wishes)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(killed=os.WIFSIGNALED(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
