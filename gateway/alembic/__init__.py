"""Where Alembic finds its env.py; the revisions are in gateway/revisions and gateway/registry/revisions."""
