"""The gateway's schema history: one frozen file per version in `gateway/revisions`, run by gateway/migrate.py."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent / "revisions"
