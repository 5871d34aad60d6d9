"""The rule book of a drone: the kiosk's form of file, and the one that ships for patrols."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge.link.settings import SettingsError, load
from edge.watch.rules import RuleBook
from edge.watch.standard import StandardError, load_standard

SHIPPED = Path(__file__).parent / "rules.toml"


def load_rules(path: Path = SHIPPED) -> RuleBook:
    """Read a rule file and the standard that it names. Raises SettingsError."""
    book = load(path, RuleBook)
    if book.table is not None:
        raise SettingsError(f"{path}: `table` is filled in by the program; name the city's file as `standard` instead")
    if not book.standard:
        return book
    try:
        return msgspec.structs.replace(book, table=load_standard((path.parent / book.standard).resolve()))
    except StandardError as error:
        raise SettingsError(str(error)) from error
