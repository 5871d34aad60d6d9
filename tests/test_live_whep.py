"""WHEP with real viewers (aiortc) over real HTTP: pictures, boxes, refusals, limits, redaction."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer
from live_rig import Rig, Watching, clip, number_in, until, viewer

from detectors import Detections, RedactionError
from edge.live.hide import Redactors
from edge.live.viewings import read
from edge.watch.camera import Shot
from edge.watch.source import Image


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("live") / "north.mp4", 20.0)


@pytest.fixture(scope="module")
def with_b_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("live-b") / "north.mp4", 20.0, b_frames=2)


def rising(numbers: list[int], seconds: float = 20.0) -> bool:
    """Every picture later than the one before (a recording begins anew after its end)."""
    return all(0 < (b - a) % round(seconds * 25) < 100 for a, b in pairwise(numbers))


def within(work: Coroutine[Any, Any, None], seconds: float = 280.0) -> None:
    asyncio.run(asyncio.wait_for(work, seconds))


async def offer() -> str:
    pc = RTCPeerConnection()
    pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    sdp = str(pc.localDescription.sdp)
    await pc.close()
    return sdp


async def post(
    rig: Rig, body: str | bytes, token: str | None, kind: str = "application/sdp", at: str = "/whep/north"
) -> httpx.Response:
    """POST to a WHEP endpoint."""
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    async with httpx.AsyncClient(base_url=rig.url) as http:
        return await http.post(at, content=body, headers=headers)


def saw_square(rig: Rig) -> None:
    """A detector that knows the picture: the moving square, in every second frame."""

    def on_shot(shot: Shot) -> None:
        number = number_in(shot.luma)
        if number % 2 == 0:
            x = number * 7 % 600
            rig.feed.saw(shot, Detections.of([[x, 260, x + 40, 300]], [0.9], [0], ("bicycle",)))

    rig.on_shot = on_shot


async def boxes_lie_on_their_frames(rig: Rig, got: Watching) -> None:
    """Every box lies where the square is in the picture with the box's timestamp."""
    await until(lambda: len(got.numbers) > 50 and len(got.notes) > 15, what="pictures and boxes")
    base = rtp_origin(got)
    shown = {(base + stamp) & 0xFFFFFFFF: number for stamp, number in zip(got.stamps, got.numbers, strict=True)}
    notes = [msgspec.json.decode(text) for text in got.notes]
    matched = [note for note in notes if note["ts"] in shown]
    assert len(matched) > 10
    for note in matched:
        assert round(note["boxes"][0]["box"][0] * 640) == shown[note["ts"]] * 7 % 600


async def settled(got: Watching) -> int:
    """How many pictures came, once none has come for a second."""
    shown = -1
    while shown != len(got.numbers):
        shown = len(got.numbers)
        await asyncio.sleep(1.0)
    return shown


def rtp_origin(got: Watching) -> int:
    """The RTP timestamp of the first picture, from which aiortc counts."""
    return int(got.pc.getReceivers()[0]._RTCRtpReceiver__timestamp_mapper._origin)


def test_an_h264_camera_is_passed_through_and_each_box_carries_its_frames_timestamp(recording: Path) -> None:
    async def work() -> None:
        with Rig(recording) as rig:
            saw_square(rig)
            async with viewer(rig) as got:
                await boxes_lie_on_their_frames(rig, got)
                health = rig.feed.health()
                assert health["way"] == "passed through" and rig.feed._thread is not None
                assert rising(got.numbers)
                async with httpx.AsyncClient(base_url=rig.url) as http:
                    gone = await http.delete(got.location, headers={"Authorization": f"Bearer {rig.token()}"})
                    assert gone.status_code == 404  # another token's session

    within(work())


def test_pictures_with_b_frames_are_encoded_once_for_ten_viewers(with_b_frames: Path) -> None:
    async def work() -> None:
        with Rig(with_b_frames) as rig:
            saw_square(rig)
            began = time.monotonic()
            async with AsyncExitStack() as stack:
                first = await stack.enter_async_context(viewer(rig))
                await until(lambda: len(first.numbers) > 10, what="the first viewer's pictures")
                gots = [await stack.enter_async_context(viewer(rig)) for _ in range(9)]
                refused = await post(rig, await offer(), rig.token())
                assert refused.status_code == 503 and refused.headers["retry-after"] == "10"
                assert "10 viewers" in refused.json()["detail"] and refused.json()["detail_zh"]
                await until(lambda: all(len(got.numbers) > 10 for got in gots), what="everybody's pictures")
                units, encoded = rig.feed.stream.counts["units"], rig.feed.health()
                assert encoded["viewers"] == 10 and encoded["way"] == "encoded"
                assert encoded["keys_wanted"] <= time.monotonic() - began + 1  # however many ask, one a second
                assert units <= rig.camera.frames  # one encoding of each picture, not ten
                assert all(rising(got.numbers) for got in [first, *gots])
            await until(lambda: len(rig.live.sessions) == 0, what="all sessions ended")
            await until(lambda: not rig.feed._thread or not rig.feed._thread.is_alive(), what="the encoder's end")

    within(work())


def test_every_bad_request_has_one_clear_refusal_and_nothing_is_shown(recording: Path) -> None:
    async def work() -> None:
        with Rig(recording, sdp_bytes_max=20_000, viewers_max=1, connect_s=1.0) as rig:
            sdp, good = await offer(), rig.token()
            asked: list[tuple[int, str, httpx.Response]] = [
                (401, "send a token", await post(rig, sdp, None)),
                (401, "expired", await post(rig, sdp, rig.token(until_s=-1))),
                (403, "for publish", await post(rig, sdp, rig.token(scope="publish"))),
                (403, "not for camera", await post(rig, sdp, rig.token(cameras=["south"]))),
                (404, "no camera", await post(rig, sdp, rig.token(cameras=["*"]), at="/whep/south")),
                (415, "application/sdp", await post(rig, sdp, good, "application/json")),
                (413, "at most 20000 bytes", await post(rig, "v=0\n" + "a" * 30_000, good)),
                (400, "no SDP offer", await post(rig, "hello", good)),
                (400, "no UTF-8", await post(rig, b"\xff\xfe", good)),
                (400, "cannot be answered", await post(rig, sdp.replace("a=ice-ufrag", "a=x"), good)),
                (400, "fingerprint", await post(rig, sdp.replace("a=fingerprint", "a=x"), good)),
                (400, "cannot be answered", await post(rig, sdp.replace("H264", "VP7"), good)),
                (400, "recvonly", await post(rig, sdp.replace("a=recvonly", "a=sendonly"), good)),
            ]
            for status, words, answer in asked:
                assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
                assert answer.json()["detail_zh"] and answer.headers["content-type"] == "application/problem+json"
            assert len(rig.live.sessions) == 0 and read(rig.database) == []
            assert rig.live.refused["token"] == 2 and rig.live.refused["offer"] == 6
            await the_rest_of_whep(rig, sdp, good)

    within(work())


async def the_rest_of_whep(rig: Rig, sdp: str, token: str) -> None:
    """A session that nobody connects to ends by itself, and meanwhile takes the only place."""
    made = await post(rig, sdp, token)
    assert made.status_code == 201 and made.headers["location"].startswith("/whep/north/")
    assert (await post(rig, sdp, token)).json()["title"] == "viewers"
    async with httpx.AsyncClient(base_url=rig.url) as http:
        patch = await http.patch(made.headers["location"], content="a=candidate")
        assert patch.status_code == 405 and "trickle" in patch.json()["detail"]
        assert (await http.get("/whep/north")).status_code == 405
        plain = await http.options("/whep/north", headers={"Origin": "https://elsewhere.example"})
        assert plain.status_code == 204 and plain.headers["accept-post"] == "application/sdp"
        assert "access-control-allow-origin" not in plain.headers
    await until(lambda: len(rig.live.sessions) == 0, what="the time-out")
    await until(lambda: read(rig.database)[0].ending is not None, what="the log")
    (seen,) = read(rig.database)
    assert (seen.name, seen.camera, seen.why) == ("Li Wei", "north", "a complaint")
    assert seen.ending == "no connection in time"


class Painter:
    """Paints everything black, as a redactor that hides all; fails when told to."""

    def __init__(self) -> None:
        self.fails = False

    def redact(self, image_bgr: Image, vehicles: Detections | None = None, part: float = 1.0) -> Image:
        """All black, or RedactionError."""
        if self.fails:
            raise RedactionError("redaction failed, so no picture may leave: a test")
        return np.zeros_like(image_bgr)


def test_a_redacted_camera_shows_only_what_the_redactor_gave_and_nothing_when_it_fails(recording: Path) -> None:
    async def work() -> None:
        painter = Painter()
        with Rig(recording, Redactors(lambda: painter)) as rig:
            async with viewer(rig) as got:
                await until(lambda: len(got.numbers) > 5, what="pictures")
                assert rig.feed.health()["way"] == "redacted" and set(got.numbers) == {0}
                painter.fails = True
                await until(lambda: rig.feed.counts["pictures_withheld"] > 0, what="a failure")
                await until(lambda: any("failed" in text for text in got.notes), what="the word to the viewer")
                shown, withheld = await settled(got), rig.feed.counts["pictures_withheld"]
                await until(lambda: rig.feed.counts["pictures_withheld"] > withheld + 10, what="more failures")
                assert len(got.numbers) == shown
                painter.fails = False
                await until(lambda: len(got.numbers) > shown + 5, what="pictures again")
            assert read(rig.database)[0].redacted

    within(work())


def test_without_a_redactor_that_loads_nobody_gets_in(recording: Path) -> None:
    def broken() -> Painter:
        raise RedactionError("redaction cannot start, so no picture may leave: no network file")

    async def work() -> None:
        with Rig(recording, Redactors(broken)) as rig:
            answer = await post(rig, await offer(), rig.token())
            assert answer.status_code == 503 and "no network file" in answer.json()["detail"]
            assert len(rig.live.sessions) == 0

    within(work())


def test_a_viewing_ends_with_its_token_and_nothing_is_shown_when_the_log_cannot_be_written(recording: Path) -> None:
    async def work() -> None:
        with Rig(recording) as rig:
            token = rig.token(until_s=1000.0)
            async with viewer(rig, token) as got:
                await until(lambda: len(got.numbers) > 5, what="pictures")
                rig.now_s = lambda: time.time() + 2000.0
                await until(lambda: len(rig.live.sessions) == 0, what="the end of the token")
            assert read(rig.database)[-1].ending == "the token expired"
            rig.now_s = time.time
            rig.transact(lambda conn: conn.execute("drop table viewing"))  # type: ignore[arg-type, return-value]
            answer = await post(rig, await offer(), rig.token())
            assert answer.status_code == 503 and "viewing log" in answer.json()["detail"]
            assert len(rig.live.sessions) == 0

    within(work())


def test_a_camera_that_was_away_is_shown_again_to_the_same_viewer(recording: Path) -> None:
    async def work() -> None:
        with Rig(recording) as rig:
            async with viewer(rig) as got:
                await until(lambda: len(got.numbers) > 5, what="pictures")
                rig.cut(True)
                shown = await settled(got)
                rig.cut(False)
                await until(lambda: len(got.numbers) > shown + 20, what="pictures after the return")

    within(work())


def test_who_may_publish_is_seen_as_a_camera_and_the_viewers_end_with_it(recording: Path) -> None:
    async def work() -> None:
        seen: list[int] = []
        with Rig(recording) as rig:
            rig.live.publishers._on_shot = lambda name, shot: seen.append(number_in(shot.luma))
            sdp = (await offer()).replace("a=recvonly", "a=sendonly")
            for status, token in ((401, None), (403, rig.token(cameras=["dock"]))):
                assert (await post(rig, sdp, token, at="/whip/dock")).status_code == status
            publish = rig.token(scope="publish", cameras=["*"])
            assert (await post(rig, sdp, publish, at="/whip/north")).status_code == 409
            player = MediaPlayer(str(recording))
            pc = RTCPeerConnection()
            pc.addTransceiver(player.video, direction="sendonly")
            await pc.setLocalDescription(await pc.createOffer())
            answer = await post(rig, pc.localDescription.sdp, publish, at="/whip/dock")
            assert answer.status_code == 201, answer.text
            assert (await post(rig, sdp, publish, at="/whip/dock")).status_code == 409
            await pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await until(lambda: len(seen) > 5, what="published pictures")
            async with viewer(rig, rig.token(cameras=["dock"]), "dock") as got:
                await until(lambda: len(got.numbers) > 5, what="the viewer's pictures")
                assert set(got.numbers) <= set(range(500))
                async with httpx.AsyncClient(base_url=rig.url) as http:
                    gone = await http.delete(answer.headers["location"], headers={"Authorization": f"Bearer {publish}"})
                assert gone.status_code == 200
                await until(lambda: len(rig.live.sessions) == 0, what="the viewer's end")
            await pc.close()
            assert sorted(v.kind for v in read(rig.database)) == ["publish", "view"]
            assert {v.ending for v in read(rig.database)} <= {"the publisher left", "the source ended"}

    within(work())
