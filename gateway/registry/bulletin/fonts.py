"""A font with Chinese characters for the PDF: looked for where distributions put it, or named."""

from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont, TTLibError

FOLDERS: tuple[str, ...] = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.fonts",
    "~/.local/share/fonts",
    "/Library/Fonts",
)
FOLDERS += ("/System/Library/Fonts", "C:/Windows/Fonts")
# Sans serif first; the collection's face for simplified Chinese where there are several.
NAMES: tuple[str, ...] = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
)
NAMES += ("SourceHanSansSC-Regular.otf", "NotoSansSC[wght].ttf", "NotoSerifCJK-Regular.ttc", "wqy-microhei.ttc")
NAMES += ("wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "simhei.ttf", "msyh.ttc", "PingFang.ttc")
SAMPLE = "城市管理综合评价通报"


class NoFont(ValueError):
    """No font can be used; `str()` says what to do."""


@dataclass(frozen=True)
class Face:
    """A font file and which face of it."""

    path: Path
    number: int = 0


def find(named: Path | None = None) -> Face:
    """The font named, or the first of NAMES that is installed. Raises NoFont."""
    for path in [named] if named else _installed():
        face = _face(path)
        if face is not None:
            return face
        if named is not None:
            raise NoFont(f"{named}: is no TrueType or OpenType font with Chinese characters; name another with --font")
    raise NoFont("no Chinese font is installed: install the package fonts-noto-cjk, or name a font file with --font")


def _installed() -> list[Path]:
    known = {name.lower(): place for place, name in enumerate(NAMES)}
    folders = [Path(folder).expanduser() for folder in FOLDERS]
    found = [path for folder in folders if folder.is_dir() for path in folder.rglob("*.[oOtT][tT][fFcC]")]
    return sorted((path for path in found if path.name.lower() in known), key=lambda p: (known[p.name.lower()], str(p)))


def _face(path: Path) -> Face | None:
    """The face for simplified Chinese; None when the file is no font or has no Chinese."""
    try:
        if path.suffix.lower() != ".ttc":
            with TTFont(path, lazy=True) as font:
                return Face(path) if _chinese(font) else None
        with TTCollection(str(path), lazy=True) as collection:
            names = [str(font["name"].getDebugName(4) or "") for font in collection.fonts]
            order = sorted(range(len(names)), key=lambda n: (not names[n].endswith(" SC"), "Mono" in names[n], n))
            return next((Face(path, n) for n in order if _chinese(collection.fonts[n])), None)
    except (TTLibError, OSError):
        return None


def _chinese(font: TTFont) -> bool:
    cmap = font.getBestCmap() or {}
    return all(ord(letter) in cmap for letter in SAMPLE)
