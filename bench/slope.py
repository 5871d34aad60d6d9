"""Does a figure grow? A straight line through samples, with a standard error that knows that neighbours are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.645  # one-sided 95 %


@dataclass(frozen=True)
class Slope:
    """Per hour, with its standard error. `low`, `high`: one-sided 95 % bounds."""

    per_hour: float
    error_per_hour: float

    @property
    def low(self) -> float:
        """What it is at least."""
        return self.per_hour - Z * self.error_per_hour

    @property
    def high(self) -> float:
        """What it is at most."""
        return self.per_hour + Z * self.error_per_hour


def slope(times_s: Sequence[float], values: Sequence[float]) -> Slope:
    """Least squares; the error by Newey and West (1987) with Bartlett weights, lags up to 4 (n/100)^(2/9) and at least
    a tenth of the samples: memory moves in steps that last. ValueError with fewer than 10 samples."""
    if len(times_s) < 10:
        raise ValueError(f"{len(times_s)} samples are too few for a slope; measure longer or more often")
    t = np.asarray(times_s, np.float64) / 3600.0
    x = t - t.mean()
    y = np.asarray(values, np.float64) - float(np.mean(values))
    spread = float(x @ x)
    found = float(x @ y) / spread
    scores = x * (y - found * x)
    count = len(t)
    lags = max(int(4 * (count / 100) ** (2 / 9)), count // 10)
    total = float(scores @ scores)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(scores[lag:] @ scores[:-lag])
    return Slope(found, math.sqrt(max(total, 0.0) * count / (count - 2)) / spread)
