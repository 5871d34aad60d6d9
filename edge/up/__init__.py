"""Everything on one machine: the same processes that run in the city, as children of one command."""
