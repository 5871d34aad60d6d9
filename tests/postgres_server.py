"""A real PostgreSQL of the tests' own (bench/postgres.py); without one, tests are skipped, in CI they fail."""

from conftest import missing

from bench import postgres


class PostgresServer(postgres.PostgresServer):
    """As there."""

    def __init__(self, sync: bool = False) -> None:
        try:
            super().__init__(sync)
        except postgres.NoPostgres as error:
            missing(str(error))
