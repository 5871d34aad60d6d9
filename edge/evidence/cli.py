"""`zhuomu evidence`: prove a device's evidence, take one candidate's out, show the device's public key."""

import getpass
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from edge.evidence.bundle import export as write_bundle
from edge.evidence.chain import ChainFailed
from edge.evidence.check import NothingThere, verify
from edge.evidence.key import PUBLIC_NAME, KeyUnusable, read_public
from edge.evidence.verify import Report

app = typer.Typer(no_args_is_help=True, help="Evidence that proves itself. 证据链：核验、导出。")
Data = Annotated[Path, typer.Option(help="The kiosk's data folder.")]


@app.command("verify")
def verify_command(
    path: Annotated[Path, typer.Argument(help="A data folder, an exported ZIP or a chain file.")],
    key: Annotated[Path | None, typer.Option(help="The device's public key (device.pub) from elsewhere.")] = None,
    expect: Annotated[str, typer.Option(help="A record's hash that has to be there.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Does the evidence hold? Ends with 0 when it does, 1 when a link is broken. 离线核验证据链。"""
    try:
        report = verify(path, read_public(key) if key else None, expect)
    except (NothingThere, KeyUnusable, OSError) as error:
        _refuse(error)
    if as_json:
        sys.stdout.write(msgspec.json.encode({"holds": report.holds, **msgspec.to_builtins(report)}).decode() + "\n")
    else:
        sys.stdout.write(_words(report))
    raise typer.Exit(0 if report.holds else 1)


@app.command("export")
def export_command(
    data: Data,
    candidate: Annotated[str, typer.Option(help="The candidate's id.")],
    out: Annotated[Path, typer.Option(help="The ZIP to write.")],
    by: Annotated[str, typer.Option(help="Who takes it; recorded. Empty: the login name.")] = "",
    why: Annotated[str, typer.Option(help="What for; recorded.")] = "",
) -> None:
    """One candidate's originals with their proof. They are not redacted. 导出一件案件的原始证据（未脱敏）。"""
    try:
        gone = write_bundle(data, candidate, out, by or getpass.getuser(), why)
    except (NothingThere, KeyUnusable, ChainFailed, OSError) as error:
        _refuse(error)
    for name in gone:
        sys.stderr.write(f"warning: {name} is not there any more; the bundle says whether the device deleted it\n")
    sys.stdout.write(f"{out}\n")


@app.command("key")
def key_command(data: Data) -> None:
    """Print the device's public key; keep it at the centre. 打印设备公钥。"""
    try:
        public = read_public(data / PUBLIC_NAME)
    except KeyUnusable as error:
        _refuse(error)
    sys.stdout.write(f"{public.pem}fingerprint {public.fingerprint}\n")


def _refuse(error: Exception) -> NoReturn:
    sys.stderr.write(f"error: {error}\n")
    raise typer.Exit(2) from error


def _words(report: Report) -> str:
    files = f"{report.files_checked} originals read, {report.files_deleted} deleted by the device itself"
    lines = [f"{report.path}: {report.records} records, {report.candidates} candidates, {files}"]
    lines += [f"note: {note}" for note in report.notes]
    if not report.key_given:
        lines.append(f"note: checked with the key that lies beside it ({report.key}); give --key to know whose it is")
    if report.holds:
        return "\n".join([*lines, "the evidence holds 证据链完整", ""])
    lines.append(f"first broken link 首个断点: {report.faults[0].words}")
    lines += [f"also: {fault.words}" for fault in report.faults[1:]]
    return "\n".join([*lines, ""])
