"""Drone patrols: telemetry, georeference and replay of recordings; ARCHITECTURE.md says what comes where."""
