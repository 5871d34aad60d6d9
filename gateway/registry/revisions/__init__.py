"""Frozen: what brought the registry's schema from one version to the next. A released file is never changed."""
