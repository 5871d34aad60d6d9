"""What must be read again but not by whoever copies the database: sealed with keys from a file beside it.

One key on each line (Fernet: AES-128-CBC with HMAC-SHA256), the first seals, all open. `rotate` puts a new key on top;
when everything is sealed anew the one before is dropped.
"""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from edge.evidence.files import write_whole

KEYS_NAME = "people.keys"


class VaultUnusable(RuntimeError):
    """The keys cannot be read or do not open what is there; `str()` is one line with the mend."""


class Vault:
    """The keys are made when there are none. Raises VaultUnusable."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEYS_NAME
        try:
            if not self._path.exists():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_whole(self._path, Fernet.generate_key() + b"\n")
            self._keys = self._path.read_bytes().split()
            self._fernet = MultiFernet([Fernet(key) for key in self._keys])
        except (OSError, ValueError) as error:
            raise VaultUnusable(f"{self._path}: not keys that can be read ({error}); restore it from a copy") from error

    def seal(self, text: str) -> str:
        """With the newest key."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises VaultUnusable."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            words = "does not open what the database holds; restore the file, or `operator reset` each account"
            raise VaultUnusable(f"{self._path}: {words}") from None

    def rotate(self) -> None:
        """A new key seals from here on. Raises OSError."""
        self._write([Fernet.generate_key(), *self._keys])

    def finish(self) -> None:
        """Only the newest key opens from here on; seal everything anew first. Raises OSError."""
        self._write(self._keys[:1])

    def _write(self, keys: list[bytes]) -> None:
        write_whole(self._path, b"\n".join(keys) + b"\n")
        self._keys = keys
        self._fernet = MultiFernet([Fernet(key) for key in keys])
