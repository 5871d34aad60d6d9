"""MISB KLV out of a transport stream: the same samples as bare, and the picture's beginning from their times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from test_drone_telemetry_klv import sample

from drone.recording import read_track
from drone.replay import start_of
from drone.telemetry.sample import TelemetryError

BEGUN_S = 1_700_000_000.0
AU_HEADER = bytes([0, 1, 0xDF, 0, 128])  # of a synchronous packet


def film(path: Path, packets: list[tuple[float, bytes]], metadata: bool = True) -> Path:
    """A small film at 10 frames a second with packets at these seconds of it."""
    with av.open(str(path), "w", format="mpegts") as out:
        video = out.add_stream("mpeg2video", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        data = out.add_data_stream("klv") if metadata else None
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 9, np.uint8), format="rgb24")
            frame.pts = number
            for packet in video.encode(frame):
                out.mux(packet)
            for at_s, content in packets:
                if data is not None and round(at_s * 10) == number:
                    packet = av.Packet(content)
                    packet.stream, packet.time_base = data, Fraction(1, 90_000)
                    packet.pts = packet.dts = round(at_s * 90_000)
                    out.mux(packet)
        for packet in video.encode(None):
            out.mux(packet)
    return path


@pytest.mark.parametrize("header", [b"", AU_HEADER], ids=["asynchronous", "synchronous"])
def test_every_packet_becomes_a_sample_and_tells_when_the_film_began(tmp_path: Path, header: bytes) -> None:
    packets = [(k / 10, header + sample(at_s=BEGUN_S + k / 10)) for k in range(1, 20)]
    track = read_track(film(tmp_path / "film.ts", packets))
    assert [s.at_s for s in track.samples] == pytest.approx([BEGUN_S + k / 10 for k in range(1, 20)])
    assert start_of(track, None) == pytest.approx(BEGUN_S, abs=0.05) and track.bad == 0


def test_real_packets_are_read_out_of_a_film(tmp_path: Path, shared: Path) -> None:
    real = (shared / "data" / "drone" / "klv" / "DynamicOnlyMISMMSPacketData.bin").read_bytes()
    track = read_track(film(tmp_path / "film.mpg", [(0.5, real), (1.0, real)]))
    assert [s.at_s for s in track.samples] == [1231798102.0] * 2


def test_a_broken_packet_is_counted_and_the_others_are_kept(tmp_path: Path) -> None:
    broken = bytearray(sample(at_s=BEGUN_S + 0.5))
    broken[40] ^= 0xFF
    packets = [(0.2, sample(at_s=BEGUN_S + 0.2)), (0.5, bytes(broken)), (0.9, sample(at_s=BEGUN_S + 0.9))]
    track = read_track(film(tmp_path / "film.ts", packets))
    assert len(track.samples) == 2 and track.bad == 1
    assert start_of(track, None) == pytest.approx(BEGUN_S, abs=0.05)


def test_a_film_without_metadata_and_a_torn_file_say_so_in_one_line(tmp_path: Path) -> None:
    bare = film(tmp_path / "bare.ts", [], metadata=False)
    torn = tmp_path / "torn.ts"
    torn.write_bytes(b"\x47" + b"\xff" * 187 + b"\x47" + b"\xff" * 187 + b"\x47" + b"\xff" * 187)
    for path in (bare, torn):
        with pytest.raises(TelemetryError) as caught:
            read_track(path)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
