"""Files that are whole or not there, and readable by the device's owner alone."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after a power cut it is there whole or not at all; readable by its owner alone. A write that
    fails (OSError, a full disk) leaves nothing behind."""
    temporary = path.with_suffix(path.suffix + ".part")
    try:
        with os.fdopen(private(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def private(path: Path, flags: int) -> int:
    """Open with mode 0600. What root makes in a device's folder (an export with sudo) belongs to the folder's owner, or
    the kiosk could not read its own files afterwards."""
    descriptor = os.open(path, flags, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make a new file's name in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
