"""A real PostgreSQL of the tests' own: a fresh cluster in a temporary folder, a unix socket, no network."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg
from conftest import missing, until

# Root cannot own a PostgreSQL server; in CI the tests are root's.
SERVER_USER = "nobody"


def program(name: str) -> str:
    """Debian keeps all but the client out of PATH. The newest version that is there."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = next((str(folder / name) for folder in folders if (folder / name).exists()), shutil.which(name))
    if found is None:
        missing(f"PostgreSQL's {name} (apt-get install postgresql)")
    return str(found)


class PostgresServer:
    """Started with the object; `new_url` makes an empty database. `sync=False` is quicker, and safe while the machine
    itself does not fail."""

    def __init__(self, sync: bool = False) -> None:
        # Not below pytest's folder: that is closed to everybody but its owner.
        self.folder = Path(tempfile.mkdtemp(prefix="zm-pg-", dir="/tmp"))
        self._user = SERVER_USER if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        make = [program("initdb"), "-D", str(self._data), "-U", "zhuomu", "-A", "trust", "-N"]
        made = self._run([*make, "--locale=C.UTF-8", "--encoding=UTF8"])
        assert made.returncode == 0, made.stdout
        self._sync = sync
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self) -> None:
        """Serve; also again after `kill`."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=200"]
        settings += [] if self._sync else ["fsync=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program("postgres"), "-D", str(self._data), *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        until(self._answers, 30.0, f"PostgreSQL, see {self.folder / 'log'}")

    def new_url(self) -> str:
        """A database that nobody has seen before."""
        name = f"zm_{uuid.uuid4().hex[:12]}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return f"postgresql://zhuomu@/{name}?host={self.folder}"

    def kill(self) -> None:
        """At once, as a power cut would; its children must be gone before it can serve again."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def close(self) -> None:
        """End it, and with it everything that was in it."""
        self.kill()
        shutil.rmtree(self.folder)

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(f"host={self.folder} user=zhuomu dbname=postgres", autocommit=True)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user=self._user, cwd=self.folder
        )
