"""Drone patrols: planning, autopilot, telemetry, georeference. Not built yet; ARCHITECTURE.md says what comes here."""
