"""`zhuomu bench`: timing in turn, the machine's description, and the report on a real photograph."""

import itertools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zhuomu
from bench import detect, machine, timing

CPU_INFO = """processor\t: 0
model name\t: Example CPU 9
flags\t\t: fpu sse2 avx2 avx_vnni

processor\t: 1
model name\t: Example CPU 9
flags\t\t: fpu sse2 avx2 avx_vnni
"""


def test_every_repeat_starts_with_another_arm_and_times_only_the_work() -> None:
    order: list[str] = []
    now = itertools.count()
    arms = {name: (lambda name=name: order.append(name)) for name in "ab"}
    took = timing.in_turn(arms, repeats=2, calls=1, wall=lambda: next(now), cpu=lambda: 0.0)
    assert order == ["a", "a", "b", "b", "a", "b", "b", "a"]  # two calls each to warm up, then turns
    assert took["a"].repeats_ms == (1000.0, 1000.0) and took["b"].cpu_ms == 0.0


def test_the_median_of_repeats_and_their_spread_are_told() -> None:
    timed = timing.summed([3.0, 1.0, 9.0], [1.0, 2.0, 3.0])
    assert (timed.median_ms, timed.fastest_ms, timed.slowest_ms, timed.cpu_ms) == (3.0, 1.0, 9.0, 2.0)


def test_the_machine_says_what_its_processor_can_do(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPU_INFO)
    found = machine.machine(tmp_path / "cpuinfo")
    assert found["cpu"] == "Example CPU 9" and found["cores"] >= 1
    assert found["flags"]["avx2"] and found["flags"]["avx_vnni"] and not found["flags"]["avx512f"]


def test_a_package_that_is_not_there_has_no_version() -> None:
    found = machine.versions("numpy", "no-such-package-here")
    assert found["numpy"] and found["no-such-package-here"] is None


@pytest.mark.slow
def test_the_report_holds_times_ratios_and_what_ran(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "SIZES", (320,))
    monkeypatch.setattr(detect, "TILED", ((800, 600),))
    result = CliRunner().invoke(zhuomu.build(["bench", "detect"]), ["bench", "detect", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    names = {f"{part}_{kind}_320" for part in ("network", "whole") for kind in ("fp32", "int8")}
    assert names | {"peer_onnx_runtime"} <= set(report["times"])
    assert all(len(timed["repeats_ms"]) == 5 and timed["median_ms"] > 0 for timed in report["times"].values())
    assert report["ratios"]["median_ms"]["int8_speed_up"]["network_320"] > 0
    assert report["peers"]["boxes"]["onnx_runtime"] == report["peers"]["ours"] > 0
    assert [t["looks"] for t in report["tiles"]] == [3, 3]
    kinds = {kind: " ".join(one["convolutions_run_as"]) for kind, one in report["networks"].items()}
    assert "I8" in kinds["int8"].upper() and "I8" not in kinds["fp32"].upper()


def test_a_missing_picture_is_one_line() -> None:
    args = ["bench", "detect", "--picture", "gone.jpg"]
    result = CliRunner().invoke(zhuomu.build(args[:2]), args)
    assert result.exit_code == 1 and "gone.jpg: no such file" in result.stderr and result.stderr.count("\n") == 1


def test_groups_show_their_commands_without_loading_them() -> None:
    result = CliRunner().invoke(zhuomu.build(["bench"]), ["bench", "--help"])
    assert result.exit_code == 0 and "detect" in result.stdout
