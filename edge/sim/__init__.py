"""The sample street: a rendered street scene that plays the camera, with exact truth about everything on it."""
