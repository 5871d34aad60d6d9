"""An RTSP server on loopback for measurements and tests: `rtsp_server.py NAME=FILE.mp4 ...`.

GStreamer's server, run by the Python of the system: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0
gstreamer1.0-plugins-good. Each client gets the file from its beginning, stream-copied. Prints {"port": N} when it
listens; ends with its stdin.
"""

from __future__ import annotations

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  # gi wants the versions first


def main(mounts: list[str]) -> None:
    """Serve rtsp://127.0.0.1:PORT/NAME for each NAME=FILE."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for mount in mounts:
        name, _, path = mount.partition("=")
        factory = GstRtspServer.RTSPMediaFactory()
        launch = f'( filesrc location="{path}" ! qtdemux ! rtph264pay name=pay0 pt=96 config-interval=-1 )'
        factory.set_launch(launch)
        server.get_mount_points().add_factory(f"/{name}", factory)
    server.attach(None)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    sys.stdout.write(json.dumps({"port": server.get_bound_port()}) + "\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1:])
