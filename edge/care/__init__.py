"""Care from afar: settings and networks that come over the line, tried before they count, undone when they fail."""

from edge.care.keeper import Keeper, Start
from edge.care.shelf import Shelf
from edge.care.state import State

__all__ = ["Keeper", "Shelf", "Start", "State"]
