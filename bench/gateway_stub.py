"""A case registry that only counts: 20 ms an answer, one in a hundred fails, away for a while when told to.

Run as `python -m bench.gateway_stub PORT`. It answers what the embedded registry does to `/reports` and
`/reports/many`, keeps the first answer for a key, and tells at `/told` which candidates became cases and how often.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from typing import Any

LATENCY_S = 0.02
ERRORS = 0.01
SEED = 5


class Stub:
    """State and answers."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.cases: Counter[str] = Counter()
        self.requests = 0
        self.errors = 0
        self.turned_away = 0
        self.away_until = 0.0
        self._rng = random.Random(SEED)

    def answer(self, path: str, key: str, body: bytes) -> tuple[int, Any]:
        """(status, JSON) of one request."""
        if path.startswith("/events"):
            return 200, {"events": [], "newest": 0}
        if path == "/told":
            counts = {"requests": self.requests, "errors": self.errors, "turned_away": self.turned_away}
            return 200, {**counts, "cases": self.cases}
        if path.startswith("/away/"):
            self.away_until = time.monotonic() + float(path.removeprefix("/away/"))
            return 200, {}
        self.requests += 1
        if path == "/reports/many":
            return 200, [self._one(one["key"], one["body"]) for one in json.loads(body)]
        status = self._one(key, json.loads(body))["status"]
        return status, {"status": status}

    def _one(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._rng.random() < ERRORS:
            self.errors += 1
            return {"status": 503, "body": {"error": "one in a hundred fails"}}
        if key not in self.keys:
            self.keys.add(key)
            self.cases[body["candidate_id"]] += 1
        return {"status": 201, "body": {}}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: HTTP/1.1, kept open."""
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                lines = head.decode("latin-1").split("\r\n")
                fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                path = lines[0].split(" ")[1]
                if path not in ("/told",) and not path.startswith("/away/"):
                    if time.monotonic() < self.away_until:
                        self.turned_away += 1
                        return
                    await asyncio.sleep(LATENCY_S)
                status, found = self.answer(path, fields.get("idempotency-key", ""), body)
                text = json.dumps(found).encode()
                writer.write(b"HTTP/1.1 %d -\r\ncontent-length: %d\r\n\r\n" % (status, len(text)) + text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


async def main(port: int) -> None:
    """Until killed."""
    server = await asyncio.start_server(Stub().serve, "127.0.0.1", port, limit=16 * 1024 * 1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
