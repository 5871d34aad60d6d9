"""How a kiosk's process begins: with the settings in force, or with the ones before where those cannot be used."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from detectors import DetectorError
from edge.care.shelf import ShelfUnusable
from edge.evidence import KeyUnusable
from edge.kiosk.care import Care, InForceUnusable, run_again
from edge.kiosk.config import KioskSettings, load_settings
from edge.kiosk.node import Kiosk, run_until_signal
from edge.link import OutboxUnusable, SettingsError
from edge.link.logs import to_stderr
from edge.watch.source import SourceError

UNUSABLE = (SettingsError, SourceError, OutboxUnusable, DetectorError, KeyUnusable, OSError)


class NotStarted(RuntimeError):
    """The kiosk cannot start; `str()` is one line."""


def look(config: Path) -> None:
    """Whether everything is usable; nothing is counted. A version from afar that is not is told, but does not fail: the
    start itself goes back to the one before. Raises NotStarted."""
    try:
        local = load_settings(config)
        try:
            Kiosk(local, config, software=software(), care=Care(local, config, counting=False))
        except UNUSABLE as error:
            if not _from_afar(local, config):
                raise
            sys.stderr.write(f"warning: what came from afar cannot be used, the kiosk will go back: {error}\n")
    except UNUSABLE as error:
        raise NotStarted(str(error)) from error


def serve(config: Path, new_views: bool) -> None:
    """Run until a signal ends it; starts itself anew when other settings hold. Raises NotStarted."""
    try:
        local = load_settings(config)
        to_stderr(device=local.device)
        node = _made(local, config, new_views)
    except (*UNUSABLE, ShelfUnusable) as error:
        raise NotStarted(str(error)) from error
    sys.stdout.write(json.dumps({"event": "kiosk.ready", "device": local.device}) + "\n")
    sys.stdout.flush()
    stopped = run_until_signal(node)
    if node.care.restart.is_set() and not stopped:
        node.care.notifier.renew()
        run_again()


def software() -> str:
    """What calls itself how."""
    return f"zhuomu {version('zhuomu')}"


def _made(local: KioskSettings, config: Path, new_views: bool) -> Kiosk:
    """A kiosk; does not return where the version in force is given up and the process starts anew."""
    try:
        care = Care(local, config, counting=True)
    except InForceUnusable as error:
        error.care.fall_back(str(error))
        run_again()
    try:
        return Kiosk(local, config, software(), new_views, care)
    except UNUSABLE as error:
        if not care.fall_back(str(error)):
            raise
        run_again()


def _from_afar(local: KioskSettings, config: Path) -> bool:
    """Whether a version from afar is in force."""
    try:
        return Care(local, config, counting=False).start.state.in_force > 0
    except InForceUnusable:
        return True
