"""A new dock in the settings file, with a binding code that nobody can guess."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from drone.dji.settings import DockEntry, Settings, read_settings, wrong
from edge.link.settings import SettingsError

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0 and O, no 1 and I: people type it
CODE_LENGTH = 12


def added(config: Path, sn: str, name: str, aircraft: tuple[str, ...]) -> str:
    """Append a [[docks]] table; its binding code. Raises SettingsError."""
    settings = read_settings(config)
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    entry = {"sn": sn, "name": name, "binding_code": code, "aircraft": aircraft}
    try:
        dock = msgspec.convert(entry, DockEntry)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{sn}: {error}; copy the serial number from the dock's label") from None
    fault = wrong(msgspec.structs.replace(settings, docks=(*settings.docks, dock)))
    if fault:
        raise SettingsError(f"{config}: {fault}")
    _append(config, entry)
    return code


def _append(config: Path, entry: Mapping[str, object]) -> None:
    # JSON texts and lists of texts are TOML too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
    try:
        whole = config.read_text(encoding="utf-8").rstrip("\n") + "\n\n[[docks]]\n" + "\n".join(lines) + "\n"
        msgspec.toml.decode(whole, type=Settings)
        new = config.with_name(f"{config.name}.new")
        new.write_text(whole, encoding="utf-8")
        new.chmod(0o600)  # it holds codes and keys
        new.replace(config)
    except OSError as error:
        raise SettingsError(f"{config}: cannot be written ({error.strerror}); mend its permissions") from None
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{config}: no table can be added at its end ({error}); add [[docks]] by hand") from None
