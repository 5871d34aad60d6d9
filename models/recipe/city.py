"""The city's own pictures (`zhuomu model label`) as sources of the recipe, one for each judged class."""

from __future__ import annotations

from pathlib import Path

from models.recipe.sources import CLASS_ID, SOURCES, source_of


class CityError(ValueError):
    """The folder cannot be trained on; `str()` is one line: what, where, what to do."""


def city_pictures(folder: Path) -> dict[str, Path]:
    """The pictures of the part train, by name; pictures kept for measuring are never trained on. Raises CityError."""
    listed = folder / "train.txt"
    if not listed.is_file():
        raise CityError(f"{listed}: not found; make the folder with `zhuomu model label`")
    pictures = [folder / line for line in listed.read_text(encoding="utf-8").split("\n") if line.strip()]
    if not pictures:
        raise CityError(f"{listed}: names no pictures; label some, or give `model label` a smaller --val-share")
    for picture in pictures:
        if picture.stem.rpartition("_")[0] not in SOURCES:
            raise CityError(f"{listed}: {picture.name} is no city-<class>_<hash> of our classes; label the set again")
        if not picture.is_file():
            raise CityError(f"{picture}: listed in train.txt, but gone; run `zhuomu model label` again")
    return {picture.name: picture for picture in pictures}


def untaught(name: str, taught: list[list[float]]) -> list[list[float]]:
    """The teacher's rows without the class that people judged: where they rejected a thing, it has no say."""
    judged = {CLASS_ID[c] for c in source_of(name).labelled}
    return [row for row in taught if int(row[0]) not in judged]
