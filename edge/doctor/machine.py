"""The machine under it: clock, memory, processor, ports, and whether the kiosk runs at all."""

import platform
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx

from edge.care.exporter import HOST
from edge.care.pulse import Snapshot
from edge.care.vitals import temperature_c
from edge.doctor.findings import RUNNING_S, Finding, Patient, bad, fine, note
from edge.evidence import clock

OFFSET_S = 2.0
MEMORY_SHARE = 0.08
HOT_C = 85.0


def runs(status: Snapshot | None) -> bool:
    """Whether the process that wrote this is still there, and wrote lately."""
    if status is None or not Path(f"/proc/{status.pid}").exists():
        return False
    return (datetime.now(UTC) - status.at).total_seconds() < RUNNING_S


def process(patient: Patient) -> Iterator[Finding]:
    """Does it run, with which version, did it give one up?"""
    status = patient.status
    if not patient.running:
        since = f" since {status.at.isoformat(timespec='seconds')}" if status else ""
        yield bad(
            "warning",
            "kiosk.stopped",
            "kiosk",
            (f"the kiosk does not run{since}", "岗亭程序未运行"),
            ("systemctl start zhuomu-kiosk; journalctl -u zhuomu-kiosk", "systemctl start zhuomu-kiosk 并查看日志"),
        )
        return
    assert status is not None
    told = status.versions
    words = (
        f"process {status.pid}, rules {told.rules}, network {told.model}, config {told.config} ({told.config_state})"
    )
    yield fine("kiosk.running", "kiosk", words, f"运行中：{words}")
    if told.config_refused:
        yield bad(
            "warning",
            "kiosk.refused",
            "kiosk",
            (f"config {told.config_refused} from afar was not kept: {told.config_reason}", "下发的配置未生效"),
            ("mend the document at the centre and send it as a new version", "在中心修正后重新下发"),
        )


def time_of_day(patient: Patient) -> Iterator[Finding]:
    """Deadlines and evidence need the right time."""
    told = patient.status.vitals if patient.status and patient.running else None
    offset = told.clock_offset_s if told else None
    mend = ("install chrony and name a time server that it can reach", "安装 chrony 并配置可达的时间服务器")
    if offset is not None and abs(offset) > OFFSET_S:
        who = "the gateway" if told and told.clock_source == "gateway" else "the kernel"
        words = (f"the clock is {offset:+.1f} s off, says {who}", f"时钟偏差 {offset:+.1f} 秒")
        yield bad("error" if abs(offset) > 60 else "warning", "clock.off", "clock", words, mend)
    elif offset is None and clock.times().clock_synchronised is False:
        yield bad("warning", "clock.free", "clock", ("nobody keeps this clock right", "时钟未同步"), mend)
    else:
        yield fine("clock.ok", "clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC", "时钟正常")


def memory_and_heat(_patient: Patient) -> Iterator[Finding]:
    """What is left before the kernel begins to kill, and how warm it is."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    total, left = kib["MemTotal"] // 1024, kib["MemAvailable"] // 1024
    if left < MEMORY_SHARE * total:
        words = (f"{left} of {total} MiB are left", f"内存仅剩 {left} / {total} MiB")
        yield bad("warning", "memory.low", "memory", words, ("fewer cameras, or more memory", "减少摄像头或增加内存"))
    else:
        yield fine("memory.ok", "memory", f"{left} of {total} MiB are left", f"内存剩余 {left} / {total} MiB")
    heat = temperature_c()
    if heat is not None and heat > HOT_C:
        words = (f"{heat:.0f} degrees C: the processor slows itself down", f"温度 {heat:.0f} 度，处理器降频")
        yield bad("warning", "machine.hot", "processor", words, ("clean its fan and vents", "清理风扇与散热口"))


def processor(_patient: Patient) -> Iterator[Finding]:
    """Which instructions the networks can use."""
    flags = _flags()
    if platform.machine() not in ("x86_64", "AMD64"):
        yield note(
            "cpu.other", "processor", f"{platform.machine()}: speeds were measured on x86-64", "非 x86-64 处理器"
        )
        return
    if "avx2" not in flags:
        words = ("no AVX2: the networks run several times slower", "处理器不支持 AVX2，推理会慢数倍")
        yield bad(
            "warning", "cpu.old", "processor", words, ("use a newer machine, or fewer cameras", "更换设备或减少摄像头")
        )
        return
    vnni = sorted(flags & {"avx512_vnni", "avx_vnni"})
    said = f"AVX2{', ' + ', '.join(vnni) if vnni else '; no VNNI: street-int8 gains less here'}"
    yield fine("cpu.ok", "processor", said, f"处理器指令集：{said}")


def ports(patient: Patient) -> Iterator[Finding]:
    """The metrics page's port: ours, free, or somebody else's."""
    port = patient.settings.care.metrics_port
    if not port:
        return
    where = f"{HOST}:{port}"
    with socket.socket() as probe:
        taken = probe.connect_ex((HOST, port)) == 0
    if taken and not _is_ours(port):
        yield bad(
            "warning",
            "port.taken",
            where,
            ("another program listens on metrics_port", "metrics_port 被其他程序占用"),
            ("choose another [care] metrics_port or end its user", "更换 [care] metrics_port 或关闭占用程序"),
        )
    elif patient.running and not taken:
        words = ("the kiosk runs without its metrics page", "岗亭未提供指标页面")
        yield bad("warning", "port.silent", where, words, ("start it again; its log says why", "重启并查看日志"))
    else:
        yield fine("port.ok", where, "served" if taken else "free", "正常")


def _is_ours(port: int) -> bool:
    try:
        answer = httpx.get(f"http://{HOST}:{port}/metrics", timeout=3.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return "zhuomu_kiosk_info" in answer.text


def _flags() -> set[str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
