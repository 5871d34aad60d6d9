"""Drone patrols: planning, autopilot, telemetry, georeference; ARCHITECTURE.md says what is there."""
