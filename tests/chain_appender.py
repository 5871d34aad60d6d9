"""Appends to a chain until it is killed, and tells the number of each durable record: `chain_appender.py FOLDER`."""

import sys
from pathlib import Path

from edge.evidence import Chain, Deleted, device_key
from edge.evidence.lines import read_head


def main(folder: Path) -> None:
    """Until killed."""
    key = device_key(folder)
    chain = Chain(folder / "evidence", key, "kiosk-1")
    while True:
        chain.append(Deleted(names=["0" * 64 + ".jpg"] * 40, why="a test"))
        seq = read_head((folder / "evidence" / "head.json").read_bytes(), key.public).seq
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
