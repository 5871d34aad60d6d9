"""One viewer's RTP: the stream's ready-made payloads with this viewer's numbers, encrypted and sent.

aiortc's own sender has an encoder for each peer and drops key frame requests for packets that are encoded already
(aiortc issues 449, 544, 1015), so this class stands in for it on a sender that a peer connection has made. It uses what
aiortc 1.13 to 1.16 have for that: `_ssrc`, `_rtx_ssrc`, `_handle_rtcp_packet`, the transport's `_send_rtp`.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from struct import pack

from aiortc import RTCRtpSender, clock
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
HISTORY = 1024  # packets that can be sent again: some seconds
REPORT_S = 1.0
BURST = 48  # packets at once; routers drop longer trains
BURST_REST_S = 0.002

Report = tuple[int, int]  # NTP time and RTP timestamp of the newest frame


class FanSender(RTCRtpSender):
    """Stands in for a sender of aiortc's; see `over`. `unheard_s`: since when (monotonic) pictures have gone out
    without any report from the viewer; None while it answers."""

    on_key: Callable[[], None]
    unheard_s: float | None
    packets: int
    octets: int
    resent: int
    ready: asyncio.Event
    _payload_type: int
    _rtx_type: int | None
    _extension: bytes
    _number: int
    _rtx_number: int
    _history: list[tuple[int, bytes, bytes] | None]
    _newest: Report | None
    _reports: "asyncio.Task[None] | None"

    @classmethod
    def over(cls, sender: RTCRtpSender, on_key: Callable[[], None]) -> "FanSender":
        """Make a fresh sender one of this class. `on_key`: the viewer asks for a key frame (PLI or FIR)."""
        sender.__class__ = cls
        assert isinstance(sender, cls)
        sender.on_key = on_key
        sender.unheard_s = None
        sender.packets = sender.octets = sender.resent = 0
        sender.ready = asyncio.Event()
        sender._number, sender._rtx_number = secrets.randbelow(1 << 15), secrets.randbelow(1 << 15)
        sender._history = [None] * HISTORY
        sender._newest, sender._reports = None, None
        return sender

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """aiortc calls this when the transport is up."""
        if self._reports is not None:
            return
        codec = parameters.codecs[0]
        again = [c.payloadType for c in parameters.codecs if is_rtx(c) and c.parameters["apt"] == codec.payloadType]
        assert codec.payloadType is not None
        self._payload_type, self._rtx_type = codec.payloadType, again[0] if again else None
        self._extension = _extension(parameters)
        self.transport._register_rtp_sender(self, parameters)
        self._reports = asyncio.ensure_future(self._report())
        self.ready.set()

    async def stop(self) -> None:
        """aiortc calls this when the connection closes."""
        if self._reports is not None:
            self.transport._unregister_rtp_sender(self)
            self._reports.cancel()

    async def send_unit(self, payloads: tuple[bytes, ...], timestamp: int) -> None:
        """One access unit. Raises ConnectionError when the viewer has gone."""
        send, last = self.transport._send_rtp, len(payloads) - 1
        for i, payload in enumerate(payloads):
            marker = 0x80 if i == last else 0
            head = pack("!BBHLL", 0x90, marker | self._payload_type, self._number, timestamp, self._ssrc)
            self._history[self._number % HISTORY] = (self._number, head, payload)
            await send(head + self._extension + payload)
            self.packets += 1
            self.octets += len(payload)
            self._number = self._number + 1 & 0xFFFF
            if i % BURST == BURST - 1:
                await asyncio.sleep(BURST_REST_S)
        self._newest = clock.current_ntp_time(), timestamp
        if self.unheard_s is None:
            self.unheard_s = time.monotonic()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self.unheard_s = None
        if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for number in packet.lost:
                await self._again(number)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            self.on_key()

    async def _again(self, number: int) -> None:
        kept = self._history[number % HISTORY]
        if kept is None or kept[0] != number:
            return
        _, head, payload = kept
        if self._rtx_type is None:
            data = head + self._extension + payload
        else:
            numbers = pack("!H", self._rtx_number) + head[4:8] + pack("!L", self._rtx_ssrc)
            rtx = bytes([head[0], head[1] & 0x80 | self._rtx_type]) + numbers
            data = rtx + self._extension + pack("!H", number) + payload
            self._rtx_number = self._rtx_number + 1 & 0xFFFF
        self.resent += 1
        await self.transport._send_rtp(data)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            if self._newest is not None:
                ntp, timestamp = self._newest
                sent = RtcpSenderInfo(ntp, timestamp, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF)
                await self._send_rtcp([RtcpSrPacket(self._ssrc, sent)])


def _extension(parameters: RTCRtpSendParameters) -> bytes:
    """The one header extension: which media section a packet belongs to (RFC 8843), in one-byte form (RFC 8285)."""
    mid = parameters.muxId.encode()
    number = next((e.id for e in parameters.headerExtensions if e.uri == MID), None)
    body = b"" if number is None or not mid else bytes([number << 4 | len(mid) - 1]) + mid
    body += bytes(-len(body) % 4)
    return pack("!HH", 0xBEDE, len(body) // 4) + body
