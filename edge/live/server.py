"""The HTTP server of live view, on a thread and an event loop of its own."""

import asyncio
import socket
import threading

import structlog
import uvicorn

from edge.live.http import create_app
from edge.live.service import Live

STOP_S = 10.0
BACKLOG = 64

log = structlog.get_logger()


class LiveServer:
    """Serves a Live. `port`: where, once started."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.port = 0
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def bind(self) -> None:
        """Take the address. Raises OSError in words when somebody else has it."""
        settings = self.live.settings
        found = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((settings.host, settings.port))
            found.listen(BACKLOG)  # whoever comes before the loop serves waits, and is not turned away
        except OSError as error:
            found.close()
            words = f"[live] cannot listen on {settings.host}:{settings.port} ({error.strerror}); choose another port"
            raise OSError(error.errno, words) from error
        self.port = int(found.getsockname()[1])
        self._socket = found

    def start(self) -> None:
        """Serve on the bound address."""
        assert self._socket is not None
        config = uvicorn.Config(
            create_app(self.live), log_level="warning", access_log=False, log_config=None, lifespan="on"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="live", daemon=True)
        self._thread.start()
        log.info("live.listening", host=self.live.settings.host, port=self.port)

    def stop(self) -> None:
        """End all sessions and the thread."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_S)

    def _serve(self, found: socket.socket) -> None:
        assert self._server is not None
        asyncio.run(self._server.serve(sockets=[found]))
