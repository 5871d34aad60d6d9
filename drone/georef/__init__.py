"""From a pixel to a place on the ground with an honest error ellipse."""
