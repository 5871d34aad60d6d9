"""The seen-ledger: what counts as seen ground, what it lets one say, how it is kept, merged and shown."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

import zhuomu
from bench import drone_georef as bench
from drone.georef.camera import Intrinsics
from drone.georef.locate import Locator
from drone.seeing.ledger import CM_PX_MAX, File, Ledger
from drone.seeing.seen_export import to_geojson, to_svg
from drone.seeing.view import FrameView
from drone.telemetry.buffer import Buffer

LENS = Intrinsics.from_hfov(960, 540, 60.0)


def view(height_m: float = 12.0, pitch_deg: float = -90.0) -> FrameView:
    """Over the origin, standing nearly still, looking north."""
    truth = bench.Truth(height_m, 0.0, 0.0, 0.01, 0.0, pitch_deg, 0.0)
    samples = bench.telemetry(truth, 2.0, bench.Noise())
    return FrameView.of(Locator(Buffer.of(samples), LENS), 1.0)


def origin(v: FrameView) -> tuple[float, float]:
    return float(v.pose.origins[0, 0]), float(v.pose.origins[0, 1])


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(File(tmp_path / "a.db"))


def test_straight_down_the_cells_are_the_footprint(ledger: Ledger) -> None:
    """12 m high, 60 degrees: 13.9 x 7.8 m; what is outside is not there."""
    v = view()
    count = ledger.see(v, 1000, "f", 0.8)
    assert count == pytest.approx(13.86 * 7.8, rel=0.12)
    looks = [look for _, look in ledger.rows()]
    assert all(1.3 < look.cm_px < 1.7 and look.depression_deg > 50 for look in looks)


def test_nothing_here_is_said_only_of_ground_seen_well_enough(ledger: Ledger) -> None:
    """Not beyond the picture, not before it was seen, not from too high for the class, not of walls."""
    v = view()
    ledger.see(v, 1000, "f", 0.8)
    lat, lon = origin(v)
    assert v.shift_m > 1.0  # a consumer's GPS: the flight may lie a metre and a half beside
    assert not ledger.statement(lat, lon, 1.5, "litter").enough
    sure = replace(v, shift_m=0.3)
    other = Ledger(File(Path(":memory:")))
    other.see(sure, 1000, "f", 0.8)
    assert other.statement(lat, lon, 0.5, "litter").enough
    assert not other.statement(lat + 6 / 111_320, lon, 0.5, "litter").enough
    assert not other.statement(lat, lon, 0.5, "litter", since_us=2000).enough
    assert not other.statement(lat, lon, 0.5, "poster").enough
    high = Ledger(File(Path(":memory:")))
    high.see(replace(view(85.0), shift_m=0.3), 1000, "f", 0.8)
    assert high.statement(lat, lon, 0.5, "stall").share == pytest.approx(0.0)
    blurred = Ledger(File(Path(":memory:")))
    blurred.see(sure, 1000, "f", 0.1)
    assert not blurred.statement(lat, lon, 0.5, "litter").enough


def test_what_people_and_vehicles_hide_is_not_seen(ledger: Ledger) -> None:
    v = view()
    whole = ledger.see(v, 1000, "f", 0.8)
    lorry = (300.0, 100.0, 700.0, 400.0)
    hidden = Ledger(File(Path(":memory:"))).see(v, 1000, "f", 0.8, [lorry])
    assert whole - hidden == pytest.approx(whole * 400 * 300 / (960 * 540), rel=0.3)


def test_flat_and_coarse_ground_does_not_count(ledger: Ledger) -> None:
    ledger.see(view(30.0, -30.0), 1000, "f", 0.8)
    looks = [look for _, look in ledger.rows()]
    assert looks and all(look.depression_deg >= 15 and look.cm_px <= CM_PX_MAX for look in looks)


def test_flights_are_merged_once_however_often(tmp_path: Path) -> None:
    a, b = Ledger(File(tmp_path / "a.db")), Ledger(File(tmp_path / "b.db"))
    a.see(view(), 1000, "f1", 0.8)
    b.see(view(), 2000, "f2", 0.7)
    for _ in range(2):
        a.merge(b.rows())
    assert len(a.rows()) == 2 * len(b.rows())
    again = Ledger(File(tmp_path / "a.db"))  # and it is all still there after a restart
    assert dict(again.rows()) == dict(a.rows())


def test_more_looks_in_one_flight_keep_the_finest(ledger: Ledger) -> None:
    ledger.see(view(20.0), 1000, "f", 0.8)
    ledger.flush()
    ledger.see(view(10.0), 5000, "f", 0.8)
    best = min((look for _, look in ledger.rows()), key=lambda look: look.cm_px)
    assert best.looks == 2 and best.cm_px < 1.3 and (best.first_us, best.last_us) == (1000, 5000)


def test_the_oldest_rows_go_at_the_limit_and_are_counted(tmp_path: Path) -> None:
    ledger = Ledger(File(tmp_path / "a.db"), rows_max=100)
    ledger.see(view(), 1000, "old", 0.8)
    ledger.flush()
    ledger.see(view(), 2000, "new", 0.8)
    ledger.flush()
    assert ledger.size == 100 and ledger.dropped > 0
    assert {key[3] for key, _ in ledger.rows()} == {"new"}


def test_geojson_and_picture_show_what_was_seen(ledger: Ledger) -> None:
    v = view()
    count = ledger.see(v, 1_700_000_000_000_000, "f", 0.8)
    (feature,) = to_geojson(ledger.rows())["features"]
    assert feature["properties"]["area_m2"] == count and feature["properties"]["grade_cm_px"] == "<= 2"
    lat, lon = origin(v)
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert shape.is_valid and shape.contains(shapely.Point(lon, lat))
    assert "ground seen" in to_svg(ledger.rows())
    with pytest.raises(ValueError, match="nothing was seen"):
        to_svg([])


def test_the_command_answers_and_refuses_in_one_line(tmp_path: Path) -> None:
    v = replace(view(), shift_m=0.3)
    base = File(tmp_path / "drone-1.db")
    ledger = Ledger(base)
    ledger.see(v, 1_700_000_000_000_000, "f", 0.8)
    ledger.flush()
    base.close()
    lat, lon = origin(v)

    def run(*words: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(zhuomu.build(["drone"]), ["drone", "seen", *words])
        return done.exit_code, done.stdout, done.stderr

    out = tmp_path / "seen.geojson"
    code, text, err = run(
        str(tmp_path / "drone-1.db"), "--at", f"{lat},{lon}", "--within", "1", "--json", "--geojson", str(out)
    )
    assert code == 0, err
    assert json.loads(text)["enough_to_say_nothing_is_here"] == "yes" and out.exists()
    for wrong in (["nothing.db"], [str(tmp_path / "drone-1.db"), "--at", "x"], [str(out)]):
        code, _, err = run(*wrong)
        assert code == 2 and err.count("\n") == 1, err


def test_places_are_where_the_picture_shows_them() -> None:
    """`FrameView.show` is the way back of `Locator.locate`."""
    truth = bench.Truth(30.0, 40.0, 3.0, 5.0, 8.0, -50.0, 0.3)
    samples = bench.telemetry(truth, 4.0, bench.Noise())
    locator = Locator(Buffer.of(samples), LENS)
    for pixel in ((480.0, 270.0), (20.0, 500.0), (930.0, 30.0)):
        spot = locator.locate(2.0, *pixel)
        shown = FrameView.of(locator, 2.0).show(np.array([spot.lat]), np.array([spot.lon]))
        assert shown.inside[0] and shown.pixel[0] == pytest.approx(pixel, abs=0.05)
