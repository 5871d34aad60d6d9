"""Words and colours of the console: Chinese and English side by side."""

from datetime import datetime, timedelta

COUNTS: tuple[tuple[str, str, str], ...] = (
    ("candidates", "候选", "Candidates"),
    ("incidents", "事件", "Incidents"),
    ("cases", "立案", "Cases filed"),
    ("work_orders", "派遣", "Work orders"),
    ("disposals", "处置", "Disposals"),
    ("verdicts", "核查", "Verdicts"),
    ("closed", "结案", "Closed"),
    ("receipts", "回执", "Receipts"),
    ("forward_left", "待转发", "To forward"),
    ("dead_letters", "死信", "Dead letters"),
)
CLASSES: dict[str, tuple[str, str]] = {
    "stall": ("占道经营", "stall"),
    "poster": ("小广告", "poster"),
    "bike": ("乱停放", "bike"),
    "litter": ("垃圾", "litter"),
}
KINDS: dict[str, str] = {
    "candidate": "候选 candidate",
    "incident": "事件 incident",
    "case": "案件 case",
    "work_order": "派遣 work order",
    "disposal": "处置 disposal",
    "verdict": "核查 verdict",
    "closed": "结案 closed",
    "rework": "返工 rework",
    "dead_letter": "死信 dead letter",
    "device": "设备 device",
}
DEVICE_KINDS: dict[str, str] = {
    "kiosk": "岗亭 kiosk",
    "handset": "处置通 handset",
    "drone": "无人机 drone",
    "": "未知 unknown",
}
CAUSES: dict[str, str] = {
    "false_alarm": "误报：没有此类物体 false alarm: nothing of the kind is there",
    "permitted": "属实但合法 it is there, and allowed",
    "other": "其他 other",
}
VIEW_FAULTS: dict[str, str] = {
    "dark": "画面过暗 too dark",
    "overexposed": "画面过曝 overexposed",
    "blurred": "画面模糊 blurred",
    "blocked": "镜头被遮挡 view blocked",
    "moved": "摄像头移位 camera moved",
    "frozen": "画面冻结 picture frozen",
}
WARN_WHEN_SOME = frozenset({"dead_letters"})


def campaign(number: str, incidents: int) -> str:
    """A poster's telephone number and in how many places it was found."""
    return f"电话 phone {number} · {incidents} 处 place{'' if incidents == 1 else 's'}"


def local_time(text: str) -> str:
    """UTC text -> Asia/Shanghai `HH:MM:SS` (no daylight saving since 1991)."""
    if len(text) < 19:
        return "—"
    hour = (int(text[11:13]) + 8) % 24
    return f"{hour:02d}{text[13:19]}"


def beijing_hour(text: str) -> int:
    """UTC text -> the hour in Asia/Shanghai."""
    return (int(text[11:13]) + 8) % 24


def local_stamp(text: str) -> str:
    """UTC text -> Asia/Shanghai `MM-DD HH:MM:SS`; a dash for none."""
    if len(text) < 19:
        return "—"
    at = datetime.fromisoformat(text[:19]) + timedelta(hours=8)
    return at.strftime("%m-%d %H:%M:%S")


STATES: dict[str, tuple[str, str]] = {
    "reported": ("上报", "reported"),
    "verifying": ("待核实", "being verified"),
    "to_file": ("待立案", "to be filed"),
    "taken": ("已受理", "taken over"),
    "found": ("发现", "found"),
    "filed": ("立案", "filed"),
    "rejected": ("不予立案", "not filed"),
    "dispatched": ("派遣", "dispatched"),
    "handling": ("处置中", "being disposed of"),
    "suspended": ("挂账", "suspended"),
    "disposed": ("已处置", "disposed of"),
    "checking": ("核查中", "being checked"),
    "rework": ("返工", "rework"),
    "needs_person": ("待人工", "waits for a person"),
    "closed": ("结案", "closed"),
    "force_closed": ("强制结案", "closed by order"),
    "cancelled": ("作废", "cancelled"),
}
STEPS: dict[str, tuple[str, str]] = {
    **STATES,
    "verify_requested": ("派人核实", "collector sent"),
    "verified": ("核实", "verified"),
    "accepted": ("接单", "accepted"),
    "arrived": ("到场", "arrived"),
    "returned": ("退回", "returned"),
    "fed_back": ("反馈", "fed back"),
    "check_requested": ("核查请求", "check asked for"),
    "check_unanswered": ("核查无应答", "check unanswered"),
    "verdict": ("核查结论", "verdict"),
    "verdict_late": ("迟到的结论", "late verdict"),
    "decided": ("人工决定", "decided"),
    "resumed": ("恢复", "taken up again"),
    "extended": ("延期", "extended"),
    "appealed": ("申诉", "appealed"),
    "appeal_passed": ("申诉初审通过", "appeal passed once"),
    "appeal_granted": ("申诉通过", "appeal granted"),
    "appeal_refused": ("申诉驳回", "appeal refused"),
}
PICTURES: dict[str, tuple[str, str]] = {
    "before": ("之前", "before"),
    "frame": ("现在", "now"),
    "crop": ("目标", "the thing"),
    "after": ("处置后", "after disposal"),
    "look": ("核查", "look of a check"),
}
REASONS: tuple[tuple[str, str, str], ...] = (
    ("false_alarm", "误报：没有此类物体", "false alarm: nothing of the kind is there"),
    ("permitted", "属实但合法", "it is there, and allowed"),
    ("other", "其他", "other"),
)
KIND: dict[str, tuple[str, str]] = {
    "kiosk": ("岗亭", "kiosk"),
    "handset": ("处置通", "handset"),
    "drone": ("无人机", "drone"),
}
STANDING: dict[str, tuple[str, str]] = {
    "invited": ("已邀请", "invited"),
    "active": ("有效", "active"),
    "revoked": ("已吊销", "revoked"),
}
UNITS: dict[str, tuple[str, str]] = {
    "urgent_hour": ("紧急工作时", "urgent hours"),
    "hour": ("工作时", "working hours"),
    "day": ("工作日", "working days"),
}
