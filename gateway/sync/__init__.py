"""The centre's half of the handset protocol (docs/sync.md): a log for each crew, operations judged, pages given out."""
