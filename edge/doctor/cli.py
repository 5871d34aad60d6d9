"""`zhuomu doctor`: one look at everything a kiosk needs; each finding says what, where and what to do."""

import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge.care.pulse import read_status
from edge.doctor import broker, cameras, data, machine, model
from edge.doctor.findings import Finding, Patient, bad, exit_status, fine
from edge.kiosk.care import CARE_FOLDER, RELEASES_FOLDER, Care, InForceUnusable
from edge.kiosk.config import beside, load_rules, load_settings
from edge.link import SettingsError

MARKS = {"ok": "ok   ", "note": "note ", "warning": "WARN ", "error": "ERROR"}


def doctor(
    config: Annotated[Path, typer.Option(help="The kiosk's settings file.")],
    cameras_s: Annotated[
        float, typer.Option(min=0.0, max=60.0, help="How long to look at each camera; 0: leave them alone.")
    ] = 6.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """What is wrong with this kiosk? 岗亭体检。 Ends with 0: well, 1: something to look after, 2: something broken."""
    findings: list[Finding] = []
    for finding in examine(config, cameras_s):
        findings.append(finding)
        if not as_json:
            sys.stdout.write(text(finding))
            sys.stdout.flush()
    status = exit_status(findings)
    if as_json:
        report = {"exit": status, "findings": msgspec.to_builtins(findings)}
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_summary(findings))
    raise typer.Exit(status)


def examine(config: Path, cameras_s: float) -> Iterator[Finding]:
    """All findings, as they are made; the settings first, without which nothing else can be looked at."""
    try:
        local = load_settings(config)
        load_rules(beside(config, local.rules))
    except SettingsError as error:
        mend = ("mend that line; zhuomu kiosk --check tells the next one", "修正该行后再检查")
        yield bad("error", "config.unusable", str(config), (str(error), f"配置不可用：{error}"), mend)
        return
    try:
        care = Care(local, config, counting=False)
        yield _state(care, config)
    except SettingsError as error:
        yield bad(
            "error",
            "config.afar",
            str(config),
            (str(error), f"下发的配置不可用：{error}"),
            ("start the kiosk: it goes back by itself", "启动岗亭，将自动回退"),
        )
        if not isinstance(error, InForceUnusable):
            return
        care = error.care
    yield from _rest(care, config, cameras_s)


def _state(care: Care, config: Path) -> Finding:
    if not care.start.trouble:
        return fine("config.ok", str(config), f"{len(care.settings.camera)} cameras", "配置可用")
    what = (
        f"what came from afar is lost, its own file holds: {care.start.trouble}",
        "下发配置的状态丢失，现用本地配置",
    )
    do = ("nothing: the gateway sends it again; if it stays, look at the disk", "网关会重新下发；若反复出现请检查磁盘")
    return bad("warning", "config.state", str(config), what, do)


def text(finding: Finding) -> str:
    """For people: one line, and one for what to do."""
    lines = [f"{MARKS[finding.severity]} {finding.where}: {finding.what.en}  {finding.what.zh}"]
    if finding.do.en:
        lines.append(f"        -> {finding.do.en}  {finding.do.zh}")
    return "\n".join(lines) + "\n"


def _rest(care: Care, config: Path, cameras_s: float) -> Iterator[Finding]:
    status = read_status(care.data / CARE_FOLDER)
    release = care.data / RELEASES_FOLDER / care.release[:32] if care.release else None
    patient = Patient(care.settings, care.data, status, machine.runs(status), release)
    yield from chain(
        machine.process(patient),
        broker.look(patient),
        data.permissions(patient),
        data.disk(patient),
        data.outbox(patient),
        data.evidence(patient),
        machine.time_of_day(patient),
        machine.memory_and_heat(patient),
        machine.processor(patient),
        machine.ports(patient),
        model.look(patient, config),
        cameras.look(patient, cameras_s) if cameras_s else (),
    )


def _summary(findings: list[Finding]) -> str:
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("error", "warning")}
    return f"{len(findings)} looked at 共检查: {counts['error']} errors 错误, {counts['warning']} warnings 警告\n"
