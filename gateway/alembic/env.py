"""What Alembic runs: in the transaction of gateway/migrate.py, or (by hand) on the URL of its ini file."""

import sqlalchemy as sa
from alembic import context


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with sa.create_engine(context.config.get_main_option("sqlalchemy.url", "")).begin() as own:
        _run(own)
