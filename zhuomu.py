"""The one command; each subcommand imports its room when it is called."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

# Command -> (module, attribute, help). A typer.Typer becomes a group, a function a command. Two words: a command in one
# of GROUPS, whose commands come from several rooms.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "up": ("edge.up.cli", "up", "The whole loop on this machine. 一条命令跑通全流程。"),
    "evidence": ("edge.evidence.cli", "app", "Verify and export sealed evidence. 证据链。"),
    "rules": ("edge.kiosk.rules_cli", "app", "Check rule files, replay them over what was seen. 立案规则。"),
    "kiosk": ("edge.kiosk.cli", "app", "Watch the street: cameras in, candidates out. 岗亭节点。"),
    "doctor": ("edge.doctor.cli", "doctor", "What is wrong with this kiosk, in words. 岗亭体检。"),
    "release": ("edge.care.cli", "app", "Signed networks for kiosks in the field. 模型发布。"),
    "handset": ("edge.handset.cli", "app", "Disposal handsets. 处置通。"),
    "claim": ("edge.link.claim_cli", "claim", "A device's certificate for a one-time code. 设备认领。"),
    "gateway": ("gateway.commands", "app", "The centre's intake and console. 中心网关。"),
    "registry": ("gateway.registry.cli", "app", "The embedded case registry. 案件库。"),
    "broker": ("edge.link.cli", "broker", "The embedded MQTT broker. 内置消息服务器。"),
    "street": ("edge.sim.cli", "app", "The sample street with exact truth. 样例街道。"),
    "detect": ("detectors.cli", "detect", "Detections on pictures, folders and videos. 图像识别。"),
    "drone": ("drone.cli", "app", "Patrols from the air. 无人机巡查。"),
    "model": ("models.cli", "app", "Train, measure, export and list networks. 模型。"),
    "bench detect": ("bench.detect", "detect", "What a look costs: network, whole path, INT8, peers. 识别速度。"),
    "bench kiosk": ("bench.kiosk", "kiosk", "What watching a street costs and finds, three ways. 岗亭开销与检出。"),
    "bench backlog": ("bench.backlog", "backlog", "A week offline drains. 断网积压。"),
    "bench kills": ("bench.kills", "kills", "A kiosk killed again and again. 随机强杀。"),
    "bench soak": ("bench.soak", "soak", "Memory and handles over time. 长时间运行。"),
    "bench drone": ("bench.drone", "drone", "Places from the air, plans: how good. 航拍定位与航线。"),
    "bench registry": ("bench.registry", "registry", "The registry with a million cases, two databases. 百万案件。"),
    "bench handsets": ("bench.handsets.command", "handsets", "Thousands of handsets in step. 处置通同步性能。"),
    "bench histories": ("bench.histories.command", "histories", "Handsets and centre through faults. 离线同步仿真。"),
    "bench live": ("bench.live", "live", "Live view: how late, and what ten viewers cost. 实时画面延迟与开销。"),
    "bench gateway": ("bench.gateway", "gateway", "The intake under load and kills, and a year's replay. 网关压测。"),
    "wire": ("edge.wire.cli", "wire", "Write the contract's JSON Schema and AsyncAPI files. 接口文件。"),
}
GROUPS: dict[str, str] = {"bench": "Measure this machine. 性能测试。"}


def build(wanted: list[str]) -> typer.Typer:
    """The command line with one command's room loaded; the others stand there by name and help alone, so that
    `zhuomu gateway` never imports OpenCV. wanted: the words of the command line that are no options."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    groups = {name: typer.Typer(no_args_is_help=True, help=words) for name, words in GROUPS.items()}
    for name, (module, attribute, words) in COMMANDS.items():
        group, _, command = name.rpartition(" ")
        parent = groups[group] if group else app
        if name.split() != wanted[: len(name.split())]:
            parent.command(command, help=words)(_not_loaded)
            continue
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=command)
        else:
            parent.command(command)(found)
    for name, made in groups.items():
        app.add_typer(made, name=name)
    return app


def _root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """啄木 zhuomu: the street-side edge of a city's digital management system."""
    if show_version:
        sys.stdout.write(f"zhuomu {version('zhuomu')}\n")
        raise typer.Exit


def _not_loaded() -> None:
    raise typer.Abort


def main() -> None:
    """Entry point of the console script."""
    import_module("edge.link.logs").to_stderr()
    build([word for word in sys.argv[1:] if not word.startswith("-")])()


if __name__ == "__main__":
    main()
