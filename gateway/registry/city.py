"""A city's places: districts, subdistricts in peer groups, grid cells, patrol areas, kiosks; and a synthetic one."""

import string
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.link.settings import SettingsError
from gateway.registry import contractors
from gateway.registry.contractors import Contract, Contracts
from gateway.registry.reward.policy import RewardPolicy

Peer = Literal["A", "B", "C", "D", "E"]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]


class District(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A district (区); `code`: 6 digits."""

    code: Annotated[str, Meta(pattern=r"^\d{6}$")]
    name: str


class Subdistrict(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A subdistrict (街道/镇), ranked among the peers of its group; `code`: district + 3 digits."""

    code: Annotated[str, Meta(pattern=r"^\d{9}$")]
    name: str
    group: Peer


class Cell(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A cell of the grid (单元网格) as a box, WGS-84; `code`: 6 district + 3 street + 3 community + 3 cell."""

    code: Annotated[str, Meta(pattern=r"^\d{15}$")]
    south: Lat
    west: Lon
    north: Lat
    east: Lon
    patrol_area: str


class Kiosk(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A kiosk (城管岗亭) and the patrol areas (巡区) that it is the base of."""

    code: str
    lat: Lat
    lon: Lon
    patrol_areas: list[str]


class City(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """One city's places, who serves them by contract, and what a first report is worth. Datum: WGS-84."""

    name: str
    districts: list[District]
    subdistricts: list[Subdistrict]
    patrol_areas: list[str]
    kiosks: list[Kiosk]
    cells: Annotated[list[Cell], Meta(max_length=200_000)]
    contracts: Annotated[list[Contract], Meta(max_length=10_000)] = []
    reward: RewardPolicy | None = None

    @cached_property
    def served(self) -> Contracts:
        """Who serves which place."""
        return Contracts(self.contracts)

    @cached_property
    def groups(self) -> dict[str, str]:
        """Subdistrict -> its peer group."""
        return {s.code: s.group for s in self.subdistricts}

    @cached_property
    def _by_south(self) -> tuple[list[Cell], list[float], float]:
        rows = sorted(self.cells, key=lambda cell: (cell.south, cell.west))
        return rows, [cell.south for cell in rows], max((c.north - c.south for c in rows), default=0.0)

    def locate(self, lat: float, lon: float) -> "Place | None":
        """The cell of a point; None outside the grid. A point on an edge belongs to the cell north or east of it."""
        rows, souths, tallest = self._by_south
        first, last = bisect_right(souths, lat - tallest - 1e-9), bisect_right(souths, lat)
        for cell in rows[first:last]:
            if cell.south <= lat < cell.north and cell.west <= lon < cell.east:
                return Place(cell=cell.code, patrol_area=cell.patrol_area)
        return None


class Place(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a case counts."""

    cell: str
    patrol_area: str


def read(path: Path) -> City:
    """A city's file (JSON). Raises SettingsError: what, where, what to do."""
    try:
        city = msgspec.json.decode(path.read_bytes(), type=City)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); mend the path") from error
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path}: {error}; compare with `zhuomu registry city`") from error
    for problem in problems(city):
        raise SettingsError(f"{path}: {problem}")
    return city


def problems(city: City) -> list[str]:
    """Codes that stand there twice or belong nowhere, one line for each."""
    districts, groups, areas = {d.code for d in city.districts}, city.groups, set(city.patrol_areas)
    found = [f"subdistrict {s}: no district '{s[:6]}'" for s in groups if s[:6] not in districts]
    found += [f"cell {c.code}: no subdistrict '{c.code[:9]}'" for c in city.cells if c.code[:9] not in groups]
    found += [f"cell {c.code}: no patrol area '{c.patrol_area}'" for c in city.cells if c.patrol_area not in areas]
    for name in ("districts", "subdistricts", "cells", "kiosks"):
        codes = [row.code for row in getattr(city, name)]
        if len(codes) != len(set(codes)):
            found.append(f"{name}: a code stands there twice; every code is one place")
    found += contractors.problems(city.contracts, areas, {c.code for c in city.cells})
    return found + (city.reward.problems() if city.reward else [])


DISTRICTS = (11, 10, 10, 10, 10)  # subdistricts of each district
GROUPS: dict[Peer, int] = {"A": 12, "B": 11, "C": 10, "D": 9, "E": 9}
PATROL_AREAS, KIOSKS = 64, 50
COMMUNITIES, COMMUNITY_CELLS = 4, 6
SOUTH_WEST = (34.20, 117.10)
CELL_DEG = (0.0018, 0.0022)  # about 200 m by 200 m


def synthetic() -> City:
    """5 districts, 51 subdistricts in groups A to E, 64 patrol areas, 50 kiosks, 1224 cells; the same every time.

    District codes begin with 99, which no province has, so they cannot be taken for a real city's.
    """
    districts = [District(code=f"9901{n:02d}", name=f"{string.ascii_uppercase[n - 1]}区") for n in range(1, 6)]
    codes = [f"{d.code}{n:03d}" for d, many in zip(districts, DISTRICTS, strict=True) for n in range(1, many + 1)]
    peers = [group for group, many in GROUPS.items() for _ in range(many)]
    # Dealt out in turn, so that every district has subdistricts of every group.
    dealt = {code: peers[(place * 7) % len(peers)] for place, code in enumerate(codes)}
    rows = [Subdistrict(code=c, name=f"{c[4:6]}区{c[6:]}街道", group=dealt[c]) for c in codes]
    areas = [f"P{n:02d}" for n in range(1, PATROL_AREAS + 1)]
    cells = _cells(codes, areas)
    return City(
        name="synthetic",
        districts=districts,
        subdistricts=rows,
        patrol_areas=areas,
        kiosks=_kiosks(cells, areas),
        cells=cells,
        contracts=_contracts(areas),
        reward=RewardPolicy(),
    )


def _contracts(areas: list[str]) -> list[Contract]:
    """Three firms clean a third of the patrol areas each, two collect information in every other one."""
    third = -(-len(areas) // 3)
    cleaning = [
        Contract(
            code=f"clean-{n + 1}", name=f"保洁{n + 1}公司", kind="cleaning", classes=["01", "02"], patrol_areas=part
        )
        for n, part in enumerate([areas[:third], areas[third : 2 * third], areas[2 * third :]])
    ]
    collection = [
        Contract(code=f"collect-{n + 1}", name=f"信息采集{n + 1}公司", kind="collection", patrol_areas=areas[n::2])
        for n in range(2)
    ]
    return cleaning + collection


def _cells(codes: list[str], areas: list[str]) -> list[Cell]:
    """Subdistricts stand side by side in rows of ten, each a block of 4 x 6 cells."""
    found: list[Cell] = []
    total = len(codes) * COMMUNITIES * COMMUNITY_CELLS
    for place, code in enumerate(codes):
        for n in range(COMMUNITIES * COMMUNITY_CELLS):
            row, column = (place // 10) * COMMUNITIES + n // COMMUNITY_CELLS, (place % 10) * COMMUNITY_CELLS
            south = SOUTH_WEST[0] + row * CELL_DEG[0]
            west = SOUTH_WEST[1] + (column + n % COMMUNITY_CELLS) * CELL_DEG[1]
            box = {"south": south, "west": west, "north": south + CELL_DEG[0], "east": west + CELL_DEG[1]}
            number = f"{code}{n // COMMUNITY_CELLS + 1:03d}{n % COMMUNITY_CELLS + 1:03d}"
            found.append(Cell(code=number, patrol_area=areas[len(found) * len(areas) // total], **box))
    return found


def _kiosks(cells: list[Cell], areas: list[str]) -> list[Kiosk]:
    """A kiosk in the first cell of its first patrol area; the 14 areas left over go to the first 14 kiosks too."""
    first = {area: next(cell for cell in cells if cell.patrol_area == area) for area in areas}
    return [
        Kiosk(
            code=f"kiosk-{n + 1}",
            lat=first[areas[n]].south + CELL_DEG[0] / 2,
            lon=first[areas[n]].west + CELL_DEG[1] / 2,
            patrol_areas=[areas[n], *areas[KIOSKS + n : KIOSKS + n + 1]],
        )
        for n in range(KIOSKS)
    ]
