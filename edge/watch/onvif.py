"""Which ONVIF cameras are on this network: one WS-Discovery probe by multicast, and what answers within a few seconds.

Own code because it is one datagram out and a few in: WS-Discovery 1.1 (OASIS, 2009), ONVIF Core Specification 7.3. An
answer names the device's service address; the stream's needs the camera's password and is left to the operator.
"""

import socket
import time
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass

GROUP = ("239.255.255.250", 3702)
ANSWER_BYTES_MAX = 65_535
CAMERAS_MAX = 1024
PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header>'
    "<w:MessageID>uuid:{id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
    "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
    "<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
)
DISCOVERY = "{http://schemas.xmlsoap.org/ws/2005/04/discovery}"
ADDRESSING = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"


@dataclass(frozen=True)
class Found:
    """A camera. `address`: of its ONVIF service; `name`, `model` as it calls itself, "" where it says nothing."""

    host: str
    address: str
    name: str = ""
    model: str = ""


def discover(wait_s: float = 3.0, group: tuple[str, int] = GROUP) -> list[Found]:
    """Ask once and collect answers for `wait_s`. OSError when this machine may not send."""
    asked = str(uuid.uuid4())
    found: dict[str, Found] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        line.sendto(PROBE.format(id=asked).encode(), group)
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0 and len(found) < CAMERAS_MAX:
            line.settimeout(left)
            try:
                body, (host, _) = line.recvfrom(ANSWER_BYTES_MAX)
            except TimeoutError:
                break
            for camera in answered(body, host, asked):
                found.setdefault(camera.address, camera)
    return sorted(found.values(), key=lambda camera: camera.address)


def answered(body: bytes, host: str, asked: str) -> list[Found]:
    """The cameras in one answer; none when it is no answer to this question, or no XML. Anybody on the network can send
    one: a document type (whose entities can swell) is refused."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return []
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        return []
    if not (root.findtext(f".//{ADDRESSING}RelatesTo") or "").strip().endswith(asked):
        return []
    out: list[Found] = []
    for match in root.iter(f"{DISCOVERY}ProbeMatch"):
        scopes = (match.findtext(f"{DISCOVERY}Scopes") or "").split()
        for address in (match.findtext(f"{DISCOVERY}XAddrs") or "").split()[:1]:
            out.append(Found(host, address, _scope(scopes, "name"), _scope(scopes, "hardware")))
    return out


def _scope(scopes: list[str], what: str) -> str:
    mark = f"onvif://www.onvif.org/{what}/"
    return next((s.removeprefix(mark).replace("%20", " ")[:64] for s in scopes if s.startswith(mark)), "")
