"""Drone patrols: `mission` plans them. Autopilot, telemetry and georeference: see ARCHITECTURE.md."""
