"""Frozen: what brought the gateway's schema from one version to the next. A released file is never changed."""
