"""Measured tables in the model card, between markers, so that nobody types a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detectors.errors import DetectorError

BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures: {} -->"


class CardError(DetectorError):
    """The card cannot take the figures."""


def put(card: Path, section: str, text: str) -> None:
    """Replace what stands between a section's two markers; CardError when they are not there once, in order."""
    begin, end = BEGIN.format(section), END.format(section)
    try:
        old = card.read_text(encoding="utf-8")
    except OSError as error:
        raise CardError(f"{card}: cannot read the card ({error.strerror}); name a Markdown file") from None
    if old.count(begin) != 1 or old.count(end) != 1 or old.index(begin) > old.index(end):
        raise CardError(f"{card}: needs the lines '{begin}' and '{end}' once each, in this order; put them in")
    head, tail = old.split(begin)[0], old.split(end)[1]
    card.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)
