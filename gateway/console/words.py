"""Words and colours of the console: Chinese and English side by side."""

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
