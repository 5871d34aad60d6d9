"""Frozen: what brought the citizens' database from one version to the next. A released file is never changed."""
