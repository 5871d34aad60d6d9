"""A terrain model out of a GeoTIFF in geographic WGS-84 coordinates, as SRTM and Copernicus DEM are handed out."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from drone.telemetry.sample import HeightDatum

PIXELS_MAX = 100_000_000
METRES_A_DEGREE = 111_320.0
WGS84, GEOGRAPHIC, AREA = 4326, 2, 1  # GeoTIFF 1.1: GeographicTypeGeoKey, GTModelTypeGeoKey, GTRasterTypeGeoKey

Array = NDArray[np.float64]


class DemError(ValueError):
    """A terrain file that cannot be used; `str()` is one line."""


@dataclass(frozen=True, eq=False)
class Dem:
    """heights: (rows, columns) metres, NaN where there is none; (lat0, lon0): centre of the top left cell."""

    heights: NDArray[np.float32]
    lat0: float
    lon0: float
    cell_lat: float
    cell_lon: float
    datum: HeightDatum
    sigma_m: float

    @property
    def step_m(self) -> float | None:
        """Half a cell."""
        east = self.cell_lon * math.cos(math.radians(self.lat0)) * METRES_A_DEGREE
        return min(self.cell_lat * METRES_A_DEGREE, east) / 2

    def height_m(self, lat: Array, lon: Array) -> Array:
        """Bilinear between cell centres; NaN outside and beside holes."""
        row = (self.lat0 - np.asarray(lat, np.float64)) / self.cell_lat
        column = (np.asarray(lon, np.float64) - self.lon0) / self.cell_lon
        rows, columns = self.heights.shape
        inside = (row >= 0) & (row <= rows - 1) & (column >= 0) & (column <= columns - 1)
        r = np.clip(np.nan_to_num(row).astype(int), 0, rows - 2)
        c = np.clip(np.nan_to_num(column).astype(int), 0, columns - 2)
        v, u = row - r, column - c
        z = self.heights
        top = z[r, c] * (1 - u) + z[r, c + 1] * u
        bottom = z[r + 1, c] * (1 - u) + z[r + 1, c + 1] * u
        return np.where(inside, top * (1 - v) + bottom * v, np.nan)


def read_dem(path: Path, datum: HeightDatum = HeightDatum.MSL, sigma_m: float = 3.0) -> Dem:
    """A GeoTIFF of heights. datum and sigma_m: what the data's maker says of them (SRTM and Copernicus: mean sea level,
    EGM96 and EGM2008). Raises DemError."""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            if math.prod(page.shape) > PIXELS_MAX:
                raise DemError(f"{path}: more than {PIXELS_MAX} cells; cut out the patrol's area")
            keys: dict[str, Any] = file.geotiff_metadata or {}
            heights = np.asarray(page.asarray(), np.float32)
            nodata = page.tags.get("GDAL_NODATA")
            empty = float(nodata.value) if nodata is not None else None
    except DemError:
        raise
    except OSError as error:
        raise DemError(f"{path}: cannot be read ({error.strerror or error})") from None
    # tifffile's own error is a ValueError; a cut file ends in whatever its decompression ran into
    except (ValueError, KeyError, IndexError, TypeError, RuntimeError, struct.error) as error:
        raise DemError(f"{path}: not a GeoTIFF that can be read ({error}); give a terrain model in WGS-84") from None
    if heights.ndim != 2 or min(heights.shape) < 2:
        raise DemError(f"{path}: its shape is {heights.shape}; give one band of heights")
    heights[~np.isfinite(heights) | (heights == empty) | (heights < -500) | (heights > 9000)] = np.nan
    return _placed(path, heights, keys, datum, sigma_m)


def _placed(path: Path, heights: NDArray[np.float32], keys: dict[str, Any], datum: HeightDatum, sigma_m: float) -> Dem:
    scale, tie = keys.get("ModelPixelScale"), keys.get("ModelTiepoint")
    if int(keys.get("GTModelTypeGeoKey", 0)) != GEOGRAPHIC or int(keys.get("GeographicTypeGeoKey", 0)) != WGS84:
        raise DemError(f"{path}: not in geographic WGS-84; convert it (gdalwarp -t_srs EPSG:4326)")
    if not scale or not tie or len(tie) != 6 or scale[0] <= 0 or scale[1] <= 0:
        raise DemError(f"{path}: no place in it (ModelPixelScale, ModelTiepoint); convert it (gdalwarp)")
    half = 0.5 if int(keys.get("GTRasterTypeGeoKey", AREA)) == AREA else 0.0
    lon0 = tie[3] + (half - tie[0]) * scale[0]
    lat0 = tie[4] - (half - tie[1]) * scale[1]
    return Dem(heights, lat0, lon0, scale[1], scale[0], datum, sigma_m)
