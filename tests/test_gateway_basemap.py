"""The offline base map: raster PMTiles and folders of tiles are served, anything else is refused in words."""

import io
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from edge.link.settings import SettingsError
from gateway.api_basemap import add_basemap
from gateway.basemap import TILE_BYTES_MAX, MapSettings, open_tiles


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (256, 256), (shade, 120, 160)).save(out, "PNG")
    return out.getvalue()


def archive(path: Path, kind: TileType = TileType.PNG, zooms: int = 3) -> dict[tuple[int, int, int], bytes]:
    """Every tile of the first zoom levels; returns them by z, x, y."""
    tiles = {(z, x, y): png(z * 60 + x * 7 + y) for z in range(zooms) for x in range(2**z) for y in range(2**z)}
    with path.open("wb") as file:
        writer = Writer(file)
        for (z, x, y), data in sorted(tiles.items(), key=lambda item: zxy_to_tileid(*item[0])):
            writer.write_tile(zxy_to_tileid(z, x, y), data)
        head = {"tile_type": kind, "tile_compression": Compression.NONE, "min_zoom": 0, "max_zoom": zooms - 1}
        head |= {"min_lon_e7": 1170000000, "min_lat_e7": 340000000, "max_lon_e7": 1180000000, "max_lat_e7": 350000000}
        head |= {"center_zoom": 0, "center_lon_e7": 1175000000, "center_lat_e7": 345000000}
        writer.finalize(head, {"attribution": "<b>the city</b>"})
    return tiles


def served(settings: MapSettings) -> TestClient:
    app = FastAPI()
    add_basemap(app, open_tiles(settings))
    return TestClient(app)


def test_every_tile_of_a_pmtiles_file_is_served_as_it_was_written(tmp_path: Path) -> None:
    tiles = archive(tmp_path / "city.pmtiles")
    http = served(MapSettings(tiles=str(tmp_path / "city.pmtiles"), datum="gcj02"))
    for (z, x, y), data in tiles.items():
        answer = http.get(f"/api/tiles/{z}/{x}/{y}")
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "image/png")
    told = http.get("/api/basemap").json()
    assert told == {
        "datum": "gcj02", "words": "<b>the city</b>", "zoom_min": 0, "zoom_max": 2, "bounds": [34.0, 117.0, 35.0, 118.0]
    }  # fmt: skip


def test_a_folder_of_tiles_is_served_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "city" / "5" / "26").mkdir(parents=True)
    (tmp_path / "city" / "5" / "26" / "12.png").write_bytes(png(1))
    (tmp_path / "city" / "5" / "26" / "13.jpg").write_bytes(b"x" * (TILE_BYTES_MAX + 1))
    http = served(MapSettings(tiles=str(tmp_path / "city"), words="us"))
    assert http.get("/api/tiles/5/26/12").content == png(1)
    assert http.get("/api/basemap").json()["zoom_max"] == 5
    for path, status in (("5/26/13", 404), ("5/26/14", 404), ("5/40/12", 404), ("99/0/0", 422), ("5/26/..%2f12", 404)):
        assert http.get(f"/api/tiles/{path}").status_code in (status, 422), path


def test_without_tiles_the_map_is_told_so(tmp_path: Path) -> None:
    http = served(MapSettings())
    assert http.get("/api/basemap").json() is None
    assert http.get("/api/tiles/0/0/0").status_code == 404


def test_a_damaged_archive_has_no_tile_there_and_stops_nothing(tmp_path: Path) -> None:
    archive(tmp_path / "city.pmtiles")
    data = bytearray((tmp_path / "city.pmtiles").read_bytes())
    data[127:160] = b"\xff" * 33  # the root directory
    (tmp_path / "broken.pmtiles").write_bytes(data)
    http = served(MapSettings(tiles=str(tmp_path / "broken.pmtiles"), words="us"))
    assert http.get("/api/tiles/1/0/0").status_code == 404


@pytest.mark.parametrize(
    ("name", "words"), [("vector", "render vector"), ("text", "no PMTiles"), ("gone", "neither|no PMTiles")]
)
def test_what_is_no_raster_map_is_refused_at_the_start(tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / f"{name}.pmtiles"
    if name == "vector":
        archive(path, TileType.MVT)
    elif name == "text":
        path.write_text("not a map " * 30)
    with pytest.raises(SettingsError, match=words):
        open_tiles(MapSettings(tiles=str(path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="zoom levels"):
        open_tiles(MapSettings(tiles=str(tmp_path / "empty")))
