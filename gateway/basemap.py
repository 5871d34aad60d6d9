"""The city's own base map, offline: raster tiles out of one PMTiles file, or out of a folder `z/x/y.png` (XYZ).

What is drawn lies on this machine; no tile is asked of anybody else. Vector tiles are refused in words.
"""

import json
import zlib
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import structlog
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import Compression, MagicNumberNotFound, SpecVersionUnsupported, TileType

from edge.link.settings import SettingsError

TILE_BYTES_MAX = 2 * 1024 * 1024
ZOOM_MAX = 22
WORDS_MAX = 200
MEDIA = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
_TYPES = {TileType.PNG: "image/png", TileType.JPEG: "image/jpeg", TileType.WEBP: "image/webp"}
# What the reader raises on a file that is damaged behind its header.
DAMAGED = (ValueError, LookupError, EOFError, OSError, OverflowError, TypeError, zlib.error)
Datum = Literal["wgs84", "gcj02"]
log = structlog.get_logger()


class MapSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[map]`. `tiles`: a .pmtiles file or a folder of tiles; "" the plain grid under the city's own outlines. `datum`:
    what the tiles are drawn in (many of China's are GCJ-02); the map shows them in that datum alone, since another
    would put every street some hundred metres off. `words`: who made them, shown on the map."""

    tiles: str = ""
    datum: Datum = "wgs84"
    words: str = ""


class About(msgspec.Struct, frozen=True):
    """For the map. `bounds`: south, west, north, east in degrees of the tiles' datum; empty: not known."""

    datum: Datum
    words: str
    zoom_min: int
    zoom_max: int
    bounds: tuple[float, ...] = ()


class Tiles(Protocol):
    """Raster tiles; `tile` gives (bytes, media type), None where there is none. y counts from the north (XYZ)."""

    about: About

    def tile(self, z: int, x: int, y: int) -> tuple[bytes, str] | None: ...


def open_tiles(settings: MapSettings) -> Tiles | None:
    """What the settings name; None for the plain grid. Raises SettingsError."""
    path = Path(settings.tiles)
    if not settings.tiles:
        return None
    if path.is_dir():
        return Folder(path, settings)
    if path.suffix == ".pmtiles":
        return Archive(path, settings)
    raise SettingsError(f"[map] tiles = '{path}': neither a folder z/x/y.png nor a .pmtiles file; mend the path")


class Folder:
    """z/x/y.png, .jpg or .webp."""

    def __init__(self, path: Path, settings: MapSettings) -> None:
        zooms = sorted(
            int(one.name) for one in path.iterdir() if one.is_dir() and one.name.isascii() and one.name.isdigit()
        )
        if not zooms or zooms[-1] > ZOOM_MAX:
            raise SettingsError(f"[map] tiles = '{path}': holds no folders 0 to {ZOOM_MAX} of zoom levels")
        self._path = path
        self.about = About(settings.datum, settings.words[:WORDS_MAX], zooms[0], zooms[-1])

    def tile(self, z: int, x: int, y: int) -> tuple[bytes, str] | None:
        """One file, at most TILE_BYTES_MAX."""
        for ending, media in MEDIA.items():
            file = self._path / str(z) / str(x) / f"{y}.{ending}"
            try:
                if file.stat().st_size <= TILE_BYTES_MAX:
                    return file.read_bytes(), media
            except OSError:
                continue
        return None


class Archive:
    """A PMTiles file, version 3 (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md), mapped, not read."""

    def __init__(self, path: Path, settings: MapSettings) -> None:
        try:
            with path.open("rb") as file:
                self._reader = Reader(MmapSource(file))
            head: dict[str, Any] = self._reader.header()
            words = settings.words or _attribution(self._reader)
        except (*DAMAGED, MagicNumberNotFound, SpecVersionUnsupported) as error:
            raise SettingsError(
                f"[map] tiles = '{path}': no PMTiles 3 file ({error or type(error).__name__})"
            ) from None
        if head["tile_type"] not in _TYPES:
            words = f"holds {head['tile_type'].name} tiles; give raster ones (PNG, JPEG, WEBP), render vector ones"
            raise SettingsError(f"[map] tiles = '{path}': {words}")
        self._media = _TYPES[head["tile_type"]]
        self._squeezed = head["tile_compression"] == Compression.GZIP
        sides = ("min_lat_e7", "min_lon_e7", "max_lat_e7", "max_lon_e7")
        bounds = tuple(head[name] / 1e7 for name in sides)
        self.about = About(settings.datum, words[:WORDS_MAX], head["min_zoom"], head["max_zoom"], bounds)

    def tile(self, z: int, x: int, y: int) -> tuple[bytes, str] | None:
        """Out of the archive; a damaged one has no tile there, and says so in the log."""
        try:
            found = self._reader.get(z, x, y)
            if found and self._squeezed:
                found = zlib.decompressobj(31).decompress(found, TILE_BYTES_MAX)
        except DAMAGED as error:
            log.warning("basemap.damaged", z=z, x=x, y=y, reason=str(error))
            return None
        return (found, self._media) if found and len(found) <= TILE_BYTES_MAX else None


def _attribution(reader: Reader) -> str:
    try:
        return str(reader.metadata().get("attribution", ""))
    except (json.JSONDecodeError, AttributeError):
        return ""
