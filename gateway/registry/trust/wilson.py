"""Wilson's score interval of a share: honest for small numbers and for shares near 1, where the usual one is not."""

from math import sqrt

Z_95 = 1.959963984540054  # two-sided 95 %


def interval(good: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """(lower, upper) bound of the share behind `good` of `total`. Nothing measured says nothing: (0, 1).

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    Raises ValueError unless 0 <= good <= total.
    """
    if not 0 <= good <= total:
        raise ValueError(f"{good} of {total} is no share")
    if not total:
        return 0.0, 1.0
    share, square = good / total, z * z
    middle = share + square / (2 * total)
    reach = z * sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
