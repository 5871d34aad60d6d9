"""What viewers cost the kiosk: processor time of the serving process, with the viewers in a process of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass

from bench.live_rig import CAMERA, serving


@dataclass(frozen=True)
class Cost:
    """Processor seconds per second of watching, and milliseconds per picture that was made (0 without viewers), which
    a busy machine disturbs less; pictures per second that each viewer got."""

    cpu_s_per_s: float
    cpu_ms_per_picture: float
    pictures_per_viewer_s: float


def cost(way: str, size: tuple[int, int], seconds: float, viewers: int) -> Cost:
    """Watch for so long with so many viewers."""
    with serving(way, size, max(viewers, 1)) as (url, token, player):
        player.start()
        process = _viewers(url, token, viewers, seconds) if viewers else None
        counts = player.feed.stream.counts
        made, wall, busy = counts["units"], time.monotonic(), time.process_time()
        time.sleep(seconds)
        busy, wall, made = time.process_time() - busy, time.monotonic() - wall, counts["units"] - made
        shown = _told(process) if process else 0
    return Cost(busy / wall, busy * 1e3 / made if made else 0.0, shown / max(viewers, 1) / seconds)


def _viewers(url: str, token: str, count: int, seconds: float) -> subprocess.Popen[str]:
    """Start viewers and wait until all of them see something."""
    command = [sys.executable, "-m", "bench.live_cost", url, str(count), str(seconds)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(token + "\n")
    process.stdin.flush()
    if process.stdout.readline().strip() != "ready":
        raise ValueError("the viewers' process ended before they saw anything")
    return process


def _told(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None and process.stdout is not None
    shown = int(json.loads(process.stdout.readline())["units"])
    process.stdin.close()
    process.wait(30.0)
    process.stdout.close()
    return shown


class Blind:
    """Stands in for the receiver's decoder in this process."""

    def decode(self, encoded_frame: object) -> list[object]:
        """Nothing."""
        Blind.pictures += 1
        return []

    pictures = 0


async def _watch(url: str, token: str, count: int, seconds: float) -> None:
    """Viewers that take packets and decode nothing: what a browser would do is not the kiosk's cost."""
    import httpx
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver

    setattr(rtcrtpreceiver, "get_decoder", lambda _: Blind())  # noqa: B010  (mypy knows no such export)

    peers: list[RTCPeerConnection] = []
    async with httpx.AsyncClient(base_url=url) as http:
        for _ in range(count):
            pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            pc.addTransceiver("video", direction="recvonly")
            pc.createDataChannel("meta", ordered=False, maxRetransmits=0)
            await pc.setLocalDescription(await pc.createOffer())
            headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
            answer = await http.post(f"/whep/{CAMERA}", content=pc.localDescription.sdp, headers=headers)
            answer.raise_for_status()
            await pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            peers.append(pc)
    while Blind.pictures < 5 * count:
        await asyncio.sleep(0.1)
    before = Blind.pictures
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(seconds)
    sys.stdout.write(json.dumps({"units": Blind.pictures - before}) + "\n")
    sys.stdout.flush()
    for pc in peers:
        await pc.close()


if __name__ == "__main__":
    asyncio.run(_watch(sys.argv[1], sys.stdin.readline().strip(), int(sys.argv[2]), float(sys.argv[3])))
