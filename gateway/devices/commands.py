"""`zhuomu gateway ca ...`, `device ...` and `acl`: the city's authority, the devices, the broker's files."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway import cli

ca = typer.Typer(no_args_is_help=True, help="The city's certificate authority. 证书机构。")
device = typer.Typer(no_args_is_help=True, help="Devices: invite, list, shut out. 设备。")
Out = Annotated[Path, typer.Option(help="The folder that the broker reads")]
Name = Annotated[str, typer.Argument(help="The device, as in its settings: small letters, digits, '-'")]


@ca.command("init")
def ca_init(
    city: Annotated[str, typer.Argument(help="Whose authority it is, for people to read")],
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Make the authority; once for a city. Copy <data>/ca to a safe place. 建立。"""
    from gateway import opening
    from gateway.devices.ca import Authority
    from gateway.devices.shut import CA_FOLDER
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        made = Authority.make(Path(settings.data) / CA_FOLDER, city[:64], utc_now())
    _say({"event": "ca.made", "folder": str(Path(settings.data) / CA_FOLDER), "fingerprint": made.fingerprint})


@ca.command("server")
def ca_server(
    names: Annotated[list[str], typer.Argument(help="Host names and addresses of the broker or web server")],
    out: Out,
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """server.key and server.crt for the broker; again before they run out (397 days). 服务器证书。"""
    from gateway import opening
    from gateway.devices import acl as files
    from gateway.devices.shut import authority_of
    from gateway.times import utc_now

    with opening.told():
        key, issued = authority_of(opening.settings_of(config, data)).issue_server(names, utc_now())
        files.write(out, files.Made({"server.key": key, "server.crt": issued.pem}))
    _say({"event": "ca.server", "names": names, "folder": str(out), "not_after": issued.not_after.isoformat()})


@ca.command("rotate")
def ca_rotate(config: cli.Config = None, data: cli.Data = None) -> None:
    """A successor: both are trusted until `finish`; devices change over as they renew. 更换。"""
    from gateway import opening
    from gateway.devices.shut import Shutter, authority_of
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        authority = authority_of(settings)
        authority.rotate(utc_now())
        database = opening.database_of(settings)
        Shutter(settings, database, utc_now).refresh()
        database.close()
    _say({"event": "ca.rotated", "fingerprint": authority.fingerprint})


@ca.command("finish")
def ca_finish(
    config: cli.Config = None,
    data: cli.Data = None,
    force: Annotated[bool, typer.Option(help="Though certificates of the one before are in use")] = False,
) -> None:
    """The authority before is trusted no longer. Refused while devices still have its certificates. 更换完成。"""
    from gateway import opening
    from gateway.devices import known
    from gateway.devices.shut import Shutter, authority_of
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        authority, database = authority_of(settings), opening.database_of(settings)
        with database.read() as tx:
            left = {issuer: n for issuer, n in known.issuers(tx, utc_now()).items() if issuer != authority.fingerprint}
        if sum(left.values()) and not force:
            cli.fail(
                f"{sum(left.values())} good certificates are of the authority before; wait, or --force shuts them out"
            )
        authority.finish()
        Shutter(settings, database, utc_now).refresh()
        database.close()
    _say({"event": "ca.finished", "shut_out": sum(left.values())})


def acl(
    out: Annotated[Path | None, typer.Option(help="The folder that the broker reads; none: the ACL to stdout")] = None,
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """mosquitto's ACL out of the channel table; with --out passwords, revocations and authority too. 访问控制。"""
    from gateway import opening
    from gateway.devices import acl as files
    from gateway.devices.shut import write_files
    from gateway.times import utc_now

    if out is None:
        sys.stdout.write(files.mosquitto_acl())
        return
    with opening.told():
        settings = opening.settings_of(config, data)
        database = opening.database_of(settings)
        write_files(settings, database, utc_now, out)
        database.close()
    _say({"event": "acl.written", "folder": str(out)})


@device.command("add")
def device_add(
    name: Name,
    note: Annotated[str, typer.Option(help="Where it stands, for people to read")] = "",
    password: Annotated[bool, typer.Option(help="A password instead of a certificate (over TLS alone)")] = False,
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Invite a device, also one that was replaced or shut out: a one-time code for `zhuomu claim`. 邀请设备。"""
    from edge.link.claim import FINGERPRINT_CHARS
    from gateway import opening
    from gateway.devices import known, passwords
    from gateway.devices.shut import Shutter, authority_of
    from gateway.people import ledger
    from gateway.times import utc_now

    said: dict[str, Any] = {"event": "device.invited", "device": name}
    with opening.told():
        settings, now = opening.settings_of(config, data), utc_now()
        database = opening.database_of(settings)
        if password:
            said |= {"event": "device.added", "password": passwords.made()}
        else:
            fingerprint = authority_of(settings).fingerprint[:FINGERPRINT_CHARS]
        with database.write() as tx:
            if password:
                known.with_password(tx, name, passwords.hashed(said["password"]), note, now)
            else:
                secret = known.invite(tx, name, note, now, timedelta(hours=settings.identity.code_hours))
                said["code"] = f"{name}:{secret}:{fingerprint}"
            ledger.append(tx, now, opening.actor(), said["event"], name, note, {})
        if password:
            Shutter(settings, database, utc_now).refresh()
        database.close()
    _say(said)


@device.command("list")
def device_list(config: cli.Config = None, data: cli.Data = None) -> None:
    """One JSON line for each device. 设备清单。"""
    from gateway import opening
    from gateway.devices import known
    from gateway.devices.doorman import usage
    from gateway.times import to_text, utc_now

    with opening.told():
        database = opening.database_of(opening.settings_of(config, data))
        with database.read() as tx:
            rows = known.listed(tx, known.IDENTITIES_MAX)
            used = {row["device"]: row for row in usage(tx, to_text(utc_now())[:10], known.IDENTITIES_MAX)}
        database.close()
    for row in rows:
        _say(row | {"today": used.get(row["device"])})


@device.command("revoke")
def device_revoke(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the audit log")],
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Shut a device out now: certificates void, session cut, queue thrown away. 吊销。"""
    from gateway import opening
    from gateway.devices.shut import Shutter
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        database = opening.database_of(settings)
        cut = Shutter(settings, database, utc_now).revoke(name, opening.actor(), reason)
        database.close()
    _say({"event": "device.revoked", "device": name, "take_overs": cut.take_overs, "seconds": round(cut.seconds, 2)})


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
