"""The example settings in configs/ are files that run."""

import configparser
from pathlib import Path

from edge.kiosk.config import beside, load_rules, load_settings
from edge.link import load
from gateway.registry.settings import RegistrySettings
from gateway.settings import GatewaySettings

CONFIGS = Path(__file__).parent.parent / "configs"


def test_the_kiosk_example_names_a_rule_file_that_is_there() -> None:
    """Paths in it start at its own folder."""
    settings = load_settings(CONFIGS / "kiosk.toml")
    assert load_rules(beside(CONFIGS / "kiosk.toml", settings.rules)).rule


def test_the_gateway_and_registry_examples_are_valid() -> None:
    """Every name in them is known."""
    assert load(CONFIGS / "gateway.toml", GatewaySettings).port == 8080
    assert load(CONFIGS / "registry.toml", RegistrySettings).auto_file == []


def test_the_systemd_unit_checks_before_it_starts() -> None:
    """And starts again after a failure."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(CONFIGS / "systemd" / "zhuomu-kiosk.service")
    assert unit["Service"]["Restart"] == "always"
    assert "--check" in unit["Service"]["ExecStartPre"]
    assert (unit["Service"]["Type"], unit["Service"]["NotifyAccess"]) == ("notify", "main")
    assert float(unit["Service"]["WatchdogSec"]) > 20.0  # a start takes longer than a round of the loop
