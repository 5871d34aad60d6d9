"""What was trained: the network file, its manifest, its class list and the recipe that made them."""

from pathlib import Path

MODELS_DIR: Path = Path(__file__).resolve().parent

__all__ = ["MODELS_DIR"]
