"""A TOML file into a msgspec struct, with one clear line for whatever is wrong in it."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


class SettingsError(ValueError):
    """A settings file that cannot be used; `str()` is one line: what, where, what to do."""


def load(path: Path, kind: type[T]) -> T:
    """Read a TOML file as `kind` (a struct with forbid_unknown_fields finds misspelt names). Raises SettingsError."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; give --config an existing TOML file") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); mend its permissions or path") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}; compare with the example in configs/") from error
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}; mend that line") from error
