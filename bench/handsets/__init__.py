"""What it costs to bring a city's handsets in step: cold, after a broker's death, at a shift's start with TLS."""
