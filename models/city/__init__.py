"""The city's own photographs: what kiosks collected and people judged, as a training set."""
