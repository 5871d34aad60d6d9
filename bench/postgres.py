"""A PostgreSQL for one measurement or test: a fresh cluster in a temporary folder, a unix socket, no network."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Root cannot own a PostgreSQL server; in CI the tests are root's.
SERVER_USER = "nobody"
START_S = 30.0


class NoPostgres(RuntimeError):
    """The server is not installed, or does not start; `str()` says what to do."""


def program(name: str) -> str:
    """Debian keeps all but the client out of PATH. The newest version that is there. Raises NoPostgres."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = next((str(folder / name) for folder in folders if (folder / name).exists()), shutil.which(name))
    if found is None:
        raise NoPostgres(f"PostgreSQL's {name} is not here: apt-get install postgresql")
    return found


class PostgresServer:
    """Started with the object; `new_url` makes an empty database. `sync=False` is quicker, and safe while the machine
    itself does not fail. `settings`: more of postgresql.conf, as name=value. Raises NoPostgres."""

    def __init__(self, sync: bool = False, settings: Sequence[str] = ()) -> None:
        initdb = program("initdb")
        # In /tmp, since other temporary folders may be closed to everybody but their owner.
        self.folder = Path(tempfile.mkdtemp(prefix="zm-pg-", dir="/tmp"))
        self._user = SERVER_USER if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        make = [initdb, "-D", str(self._data), "-U", "zhuomu", "-A", "trust", "-N"]
        made = self._run([*make, "--locale=C.UTF-8", "--encoding=UTF8"])
        if made.returncode != 0:
            raise NoPostgres(f"initdb failed: {made.stdout.strip()[-500:]}")
        self._settings = [*settings, *([] if sync else ["fsync=off"])]
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Serve; also again after `kill`. Raises NoPostgres."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        options = [part for setting in [*settings, *self._settings] for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program("postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        end_s = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise NoPostgres(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)

    def new_url(self) -> str:
        """A database that nobody has seen before."""
        name = f"zm_{uuid.uuid4().hex[:12]}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://zhuomu@/{name}?host={self.folder}"

    def kill(self) -> None:
        """At once, as a power cut would; its children must be gone before it can serve again."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def close(self) -> None:
        """End it, and with it everything that was in it."""
        self.kill()
        shutil.rmtree(self.folder)

    def _connect(self) -> Any:
        import psycopg

        return psycopg.connect(f"host={self.folder} user=zhuomu dbname=postgres", autocommit=True)

    def _answers(self) -> bool:
        import psycopg

        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user=self._user, cwd=self.folder
        )
