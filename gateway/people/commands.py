"""`zhuomu gateway operator ...`, `audit ...` and `secret ...`: accounts, the log's proof, changing secrets."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway import cli

operator = typer.Typer(no_args_is_help=True, help="Operators' accounts. 坐席账号。")
audit = typer.Typer(no_args_is_help=True, help="The audit log. 审计日志。")
secret = typer.Typer(no_args_is_help=True, help="Change secrets without a gap: two are good meanwhile. 密钥更换。")
Name = Annotated[str, typer.Argument(help="The person's name for signing in")]
Roles = Annotated[
    list[str], typer.Option("--role", help="acceptor, dispatcher@990101, ... (docs/identity.md); may be repeated")
]
File = Annotated[Path, typer.Argument(help="A secret_file of the gateway's settings, or hook_secret_file")]


@operator.command("add")
def add(name: Name, role: Roles, config: cli.Config = None, data: cli.Data = None) -> None:
    """A new account; prints its first password and the second factor, once. 新建。"""
    from gateway import opening
    from gateway.people import accounts
    from gateway.people.vault import Vault
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        database, vault = opening.database_of(settings), Vault(Path(settings.data))
        with database.write() as tx:
            made = accounts.add(tx, vault, settings.people, name, role, opening.actor(), utc_now())
        database.close()
    _say({"event": "operator.added", "name": made.name, "password": made.password, "second_factor": made.uri})


@operator.command("reset")
def reset(name: Name, config: cli.Config = None, data: cli.Data = None) -> None:
    """A new password and second factor; undoes locks and `disable`, ends sessions. 重置。"""
    from gateway import opening
    from gateway.people import accounts
    from gateway.people.vault import Vault
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        database, vault = opening.database_of(settings), Vault(Path(settings.data))
        with database.write() as tx:
            made = accounts.reset(tx, vault, name, opening.actor(), utc_now())
        database.close()
    _say({"event": "operator.reset", "name": made.name, "password": made.password, "second_factor": made.uri})


@operator.command("disable")
def disable(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the audit log")],
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """No more signing in; sessions end at once. 停用。"""
    from gateway import opening
    from gateway.people import accounts
    from gateway.times import utc_now

    with opening.told():
        database = opening.database_of(opening.settings_of(config, data))
        with database.write() as tx:
            accounts.disable(tx, name, opening.actor(), reason, utc_now())
        database.close()
    _say({"event": "operator.disabled", "name": name})


@operator.command("roles")
def roles(name: Name, role: Roles, config: cli.Config = None, data: cli.Data = None) -> None:
    """Other roles; sessions end. 角色。"""
    from gateway import opening
    from gateway.people import accounts
    from gateway.times import utc_now

    with opening.told():
        settings = opening.settings_of(config, data)
        database = opening.database_of(settings)
        with database.write() as tx:
            accounts.set_roles(tx, settings.people, name, role, opening.actor(), utc_now())
        database.close()
    _say({"event": "operator.roles", "name": name, "roles": role})


@operator.command("list")
def listed(config: cli.Config = None, data: cli.Data = None) -> None:
    """One JSON line for each account. 账号清单。"""
    from gateway import opening
    from gateway.people import accounts

    with opening.told():
        database = opening.database_of(opening.settings_of(config, data))
        with database.read() as tx:
            rows = accounts.listed(tx)
        database.close()
    for row in rows:
        _say(row)


@audit.command("list")
def audit_list(
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    actor: Annotated[str, typer.Option(help="Only what this person did")] = "",
    subject: Annotated[str, typer.Option(help="Only about this picture (sha256), device or account")] = "",
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Newest first, one JSON line each. 查看。"""
    from gateway import opening
    from gateway.people import ledger

    with opening.told():
        database = opening.database_of(opening.settings_of(config, data))
        with database.read() as tx:
            rows = ledger.listed(tx, limit, actor, subject)
        database.close()
    for row in rows:
        _say(row)


@audit.command("prove")
def audit_prove(
    since: Annotated[str, typer.Option(help="N:HASH that an earlier `prove` printed: is it still in the chain?")] = "",
    config: cli.Config = None,
    data: cli.Data = None,
) -> None:
    """Is the chain whole? Prints its end; keep that elsewhere. Exit status 1 when it is not. 校验。"""
    from gateway import opening
    from gateway.people import ledger

    number, _, digest = since.partition(":")
    if since and not (number.isascii() and number.isdigit() and digest):
        cli.fail(f"--since {since[:80]}: not N:HASH; copy what an earlier `audit prove` printed")
    with opening.told():
        database = opening.database_of(opening.settings_of(config, data))
        with database.read() as tx:
            proof = ledger.prove(tx)
            kept = not since or ledger.holds(tx, int(number), digest)
        database.close()
    good = proof.broken_at == 0 and kept
    _say({"ok": good, "end": f"{proof.n}:{proof.hash}", "broken_at": proof.broken_at, "since_kept": kept})
    if not good:
        raise typer.Exit(1)


@secret.command("rotate")
def secret_rotate(file: File) -> None:
    """A new secret on top of the file; the one before stays good for what comes in. Restart the gateway. 更换。"""
    from gateway import opening, secrets_file

    with opening.told():
        _say({"event": "secret.rotated", "file": str(file), "secret": secrets_file.rotate(file)})


@secret.command("finish")
def secret_finish(file: File) -> None:
    """Only the newest is good from the next start on. 更换完成。"""
    from gateway import opening, secrets_file

    with opening.told():
        _say({"event": "secret.finished", "file": str(file), "dropped": secrets_file.finish(file)})


@secret.command("vault")
def secret_vault(config: cli.Config = None, data: cli.Data = None) -> None:
    """A new key for the second factors' secrets, and everything sealed anew with it. 更换二次验证密钥。"""
    from gateway import opening
    from gateway.people import accounts
    from gateway.people.vault import Vault

    with opening.told():
        settings = opening.settings_of(config, data)
        database, vault = opening.database_of(settings), Vault(Path(settings.data))
        vault.rotate()
        with database.write() as tx:
            count = accounts.seal_anew(tx, vault)
        vault.finish()
        database.close()
    _say({"event": "vault.rotated", "accounts": count})


def _say(row: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
