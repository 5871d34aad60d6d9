"""ONVIF discovery against a camera that answers on loopback."""

import socket
import threading
from collections.abc import Iterator

import pytest

from edge.watch.onvif import ANSWER_BYTES_MAX, Found, answered, discover

ANSWER = """<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">
<e:Header><w:RelatesTo>{asked}</w:RelatesTo></e:Header><e:Body><d:ProbeMatches><d:ProbeMatch>
<d:Scopes>onvif://www.onvif.org/name/North%20gate onvif://www.onvif.org/hardware/DS-2CD</d:Scopes>
<d:XAddrs>http://127.0.0.1/onvif/device_service http://[fe80::1]/onvif</d:XAddrs>
</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""
CAMERA = Found("127.0.0.1", "http://127.0.0.1/onvif/device_service", "North gate", "DS-2CD")


@pytest.fixture
def group() -> Iterator[tuple[str, int]]:
    """A camera that answers every probe twice, and before that with rubbish."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def answer() -> None:
            try:
                probe, who = line.recvfrom(ANSWER_BYTES_MAX)
            except OSError:
                return
            asked = probe.decode().partition("uuid:")[2].partition("<")[0]
            for body in ("rubbish", ANSWER.format(asked="uuid:other"), *[ANSWER.format(asked=f"uuid:{asked}")] * 2):
                line.sendto(body.encode(), who)

        threading.Thread(target=answer, daemon=True).start()
        yield line.getsockname()


def test_a_camera_that_answers_is_listed_once(group: tuple[str, int]) -> None:
    assert discover(1.5, group) == [CAMERA]


@pytest.mark.parametrize(
    "body",
    [b"", b"<x", b"<x/>", ANSWER.format(asked="uuid:other").encode(), b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"],
)
def test_what_is_no_answer_lists_nothing(body: bytes) -> None:
    assert answered(body, "127.0.0.1", "me") == []
