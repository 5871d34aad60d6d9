"""A WebRTC connection from an offer: whatever is wrong with the offer becomes one refusal."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiortc import (
    InvalidAccessError,
    InvalidStateError,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from edge.live.refusal import Refused
from edge.live.sender import FanSender

# What aiortc raises on descriptions that are no SDP, or not one that it can answer.
BAD_OFFER = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    InvalidStateError,
    InvalidAccessError,
    OperationError,
)
MEDIA_MAX = 4
CANDIDATES_MAX = 64


class Silent(MediaStreamTrack):
    """A track that gives nothing: FanSender sends without it."""

    kind = "video"

    async def recv(self) -> "Packet[Any]":
        """Never."""
        raise MediaStreamError


def new() -> RTCPeerConnection:
    """Without STUN and TURN: the kiosk offers its own addresses."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def answer_viewer(peer: RTCPeerConnection, offer: str, on_key: Callable[[], None]) -> tuple[FanSender, str]:
    """Answer a viewer's offer with one H.264 video. Raises Refused."""
    _refuse_odd(offer, "recvonly")
    sender = FanSender.over(peer.addTrack(Silent()), on_key)
    for transceiver in peer.getTransceivers():
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType in ("video/H264", "video/rtx")])
    return sender, await _answered(peer, offer)


async def answer_publisher(peer: RTCPeerConnection, offer: str) -> str:
    """Answer the offer of somebody who sends one video. Raises Refused."""
    _refuse_odd(offer, "sendonly")
    return await _answered(peer, offer)


async def _answered(peer: RTCPeerConnection, offer: str) -> str:
    try:
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        answer = await peer.createAnswer()
        assert answer is not None
        await peer.setLocalDescription(answer)
    except BAD_OFFER as error:
        what = f"{type(error).__name__}: {error}"[:200]
        words = f"this offer cannot be answered ({what}); it needs one video section, H.264 for viewers"
        raise Refused(400, "offer", words, "无法应答此 SDP，须有一路 H.264 视频") from error
    except asyncio.CancelledError:
        await peer.close()
        raise
    return str(peer.localDescription.sdp)


def _refuse_odd(offer: str, direction: str) -> None:
    lines = offer.splitlines()
    sections = [line for line in lines if line.startswith("m=")]
    if not lines or lines[0] != "v=0" or not any(s.startswith("m=video") for s in sections):
        raise Refused(400, "offer", "the body is no SDP offer with a video section", "正文不是含视频的 SDP")
    if len(sections) > MEDIA_MAX or sum(line.startswith("a=candidate") for line in lines) > CANDIDATES_MAX:
        words = f"the offer has more than {MEDIA_MAX} sections or {CANDIDATES_MAX} candidates"
        raise Refused(400, "offer", words, "SDP 的媒体段或候选地址过多")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise Refused(400, "offer", "no DTLS fingerprint; nothing is sent unencrypted", "SDP 缺少 DTLS 指纹")
    if f"a={direction}" not in lines and "a=sendrecv" not in lines:
        raise Refused(400, "offer", f"the offer must say a={direction}", f"SDP 须含 a={direction}")
