"""GCJ-02 for display."""

import pytest

from gateway.gcj02 import shifted


@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [  # from the tests of the eviltransform project
        ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
        ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
        ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
    ],
)
def test_the_shift_is_that_of_the_formula_that_everybody_uses(
    wgs: tuple[float, float], gcj: tuple[float, float]
) -> None:
    assert shifted(*wgs) == pytest.approx(gcj, abs=1e-9)


def test_outside_china_nothing_is_shifted() -> None:
    assert shifted(51.5, -0.12) == (51.5, -0.12)
