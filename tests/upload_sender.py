"""A kiosk's uploads as a process that kills itself in the middle of a file: `upload_sender.py FOLDER MQTT_PORT URL`."""

import os
import signal
import sys
import threading
from pathlib import Path

from edge.kiosk.config import UploadSettings
from edge.kiosk.sending import Sending
from edge.link import Broker, Link, Outbox

KILLED_AFTER = 2 * 1024 * 1024


def parts(folder: Path, port: int, url: str) -> tuple[Outbox, Sending, Link]:
    """Outbox, uploads and line of kiosk-1; nothing is started."""
    outbox = Outbox(folder / "kiosk-1.db", "kiosk-1")
    sending = Sending(UploadSettings(url=url, clips=True), folder, outbox, 0)
    return outbox, sending, Link(outbox, Broker(port=port), "kiosk", handlers=sending.handlers)


def _kill(offset: int) -> None:
    if offset >= KILLED_AFTER:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _, made, line = parts(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    made._uploader._on_offset = _kill
    line.start()
    made.start(line)
    threading.Event().wait()
