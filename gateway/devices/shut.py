"""Shutting a device out: the database first, then the broker's files, then the live session."""

from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from edge.link.settings import SettingsError
from edge.wire.access import GATEWAY_USER
from gateway.database import Database
from gateway.devices import acl, known, passwords
from gateway.devices.ca import Authority, CaUnusable
from gateway.devices.cut import Cut, Cutter, NotCut, signal_broker
from gateway.people import ledger
from gateway.settings import GatewaySettings
from gateway.times import Clock

CA_FOLDER = "ca"
log = structlog.get_logger()


def authority_of(settings: GatewaySettings) -> Authority:
    """The city's authority, from the data directory. Raises CaUnusable."""
    return Authority.load(Path(settings.data) / CA_FOLDER)


def write_files(settings: GatewaySettings, database: Database, clock: Clock, folder: Path) -> None:
    """All that a broker reads. Raises SettingsError, CaUnusable, OSError."""
    broker = settings.broker
    if broker.username != GATEWAY_USER or not broker.password:
        raise SettingsError(
            f"[broker] username and password: the gateway signs in as '{GATEWAY_USER}' with a password; set both"
        )
    with database.read() as tx:
        made = acl.make(tx, authority_of(settings), passwords.hashed(broker.password), clock())
    acl.write(folder, made)


class Shutter:
    """What the commands, the console and the watch over certificates that run out have in common."""

    def __init__(self, settings: GatewaySettings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock

    def refresh(self) -> None:
        """Write the broker's files and tell it, as far as the settings name them. Raises as `write_files`, NotCut."""
        identity = self._settings.identity
        if identity.broker_files:
            write_files(self._settings, self._database, self._clock, Path(identity.broker_files))
        if identity.broker_pid_file:
            signal_broker(Path(identity.broker_pid_file))

    def revoke(self, device: str, actor: str, reason: str) -> Cut:
        """From here on the device is nobody. Raises NotKnown (nothing was done), NotCut (it is revoked and the
        intake refuses it, but its session may be alive still)."""
        now = self._clock()
        with self._database.write() as tx:
            known.revoke(tx, device, reason, now)
            ledger.append(tx, now, actor, "device.revoked", device, reason, {})
        try:
            return self.cut(device)
        except (NotCut, SettingsError, CaUnusable, OSError) as error:
            raise NotCut(f"{device} is revoked and taken in no more, but may still be connected: {error}") from error

    def cut(self, device: str) -> Cut:
        """End its session and throw its queue away. Raises NotCut and what `refresh` raises."""
        return Cutter(self._settings.broker, self.refresh).cut(device)

    def cut_all(self, devices: Iterable[str], failed: Callable[[str], None]) -> None:
        """Several, for which nobody waits; `failed` is told of each that may be alive still."""
        for device in sorted(devices):
            try:
                self.cut(device)
            except (NotCut, SettingsError, CaUnusable, OSError) as error:
                log.error("identity.not_cut", device=device, reason=str(error))
                failed(device)
