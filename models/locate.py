"""Where the shared data lies: $ZHUOMU_SHARED, or the folder `shared` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

from models import MODELS_DIR


def shared_dir() -> Path:
    """The shared folder; it need not exist."""
    named = os.environ.get("ZHUOMU_SHARED")
    return Path(named) if named else MODELS_DIR.parent.parent / "shared"
