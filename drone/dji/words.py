"""A dock's numbers as words, Chinese and English: result codes, task states, steps, modes, reasons."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

Words = tuple[str, str]
"""(Chinese, English)."""

DEVICE, PILOT = ("设备端", "the device"), ("遥控器", "DJI Pilot")
SOURCES: dict[str, Words] = {"3": DEVICE, "5": DEVICE, "4": PILOT, "6": PILOT}  # by a code's first digit

DOCK_MODES: dict[int, Words] = {
    0: ("空闲", "idle"),
    1: ("现场调试", "on-site debugging"),
    2: ("远程调试", "remote debugging"),
    3: ("固件升级", "firmware update"),
    4: ("作业中", "working"),
}

AIRCRAFT_MODES: dict[int, Words] = {
    0: ("待机", "standby"),
    1: ("起飞准备", "preparing take-off"),
    2: ("起飞准备完毕", "ready to take off"),
    3: ("手动飞行", "flown by hand"),
    4: ("自动起飞", "taking off"),
    5: ("航线飞行", "flying the wayline"),
    9: ("自动返航", "coming home"),
    10: ("自动降落", "landing"),
    11: ("强制降落", "forced landing"),
    14: ("未连接", "not connected"),
    17: ("指令飞行", "flown by commands"),
    18: ("空中 RTK 收敛", "RTK converging in the air"),
}

STEPS: dict[int, Words] = {
    0: ("初始状态", "not begun"),
    5: ("等待任务下发", "waiting for the task"),
    7: ("开机检查与开盖", "start-up check, cover opens"),
    9: ("等待飞行器就绪", "waiting for the aircraft"),
    10: ("等待 RTK", "waiting for RTK"),
    16: ("获取航线地址", "asking for the wayline's URL"),
    17: ("下载航线", "downloading the wayline"),
    18: ("上传航线到飞行器", "wayline to the aircraft"),
    20: ("设置起飞参数", "setting take-off parameters"),
    23: ("设置返航点", "setting the home point"),
    24: ("执行航线", "starting the wayline"),
    26: ("返航前检查", "checks before return"),
    27: ("降落回舱", "landing in the dock"),
    28: ("关闭舱盖", "cover closes"),
    29: ("退出作业", "dock leaves working mode"),
    33: ("获取媒体数量", "counting pictures"),
    35: ("通知任务结果", "telling the result"),
}

BREAKS: dict[int, Words] = {
    0: ("无异常", "no fault"),
    513: ("超过限高", "height limit exceeded"),
    514: ("超过限远", "distance limit exceeded"),
    516: ("触发限高", "height limit reached"),
    517: ("触发避障", "obstacle"),
    518: ("RTK 信号差", "poor RTK signal"),
    519: ("接近限飞区", "near a restricted zone"),
    522: ("起飞请求失败", "take-off was refused"),
    769: ("GPS 信号弱", "weak GPS"),
    770: ("遥控器挡位错误", "remote controller in the wrong gear"),
    771: ("返航点未刷新", "no home point"),
    772: ("电量低,不能开始", "battery too low to begin"),
    773: ("低电量返航", "battery low, coming home"),
    775: ("与飞行器失联", "contact with the aircraft lost"),
    784: ("大风返航", "strong wind, coming home"),
    1281: ("用户退出", "left by a person"),
    1282: ("用户打断", "interrupted by a person"),
    1283: ("用户触发返航", "return asked for by a person"),
    1565: ("遇障碍急停", "emergency stop before an obstacle"),
}

HOMING: dict[int, Words] = {
    0: ("摇杆加了油门", "throttle on the stick"),
    1: ("摇杆有动作", "stick moved"),
    2: ("返航逻辑初始化失败", "the return could not be started"),
    3: ("四周有障碍物", "obstacles all around"),
    4: ("触发限飞", "flight restriction"),
    5: ("距障碍物过近", "too near to an obstacle"),
    6: ("无 GPS 信号", "no GPS"),
    7: ("GPS 与视觉定位均无效", "neither GPS nor vision gives a position"),
    8: ("GPS 与视觉定位偏差大", "GPS and vision disagree"),
    9: ("短距离原路返回", "backtracking a short way"),
    10: ("近距离触发返航", "return asked for close to home"),
}

LEVELS: dict[int, Words] = {0: ("通知", "notice"), 1: ("提醒", "reminder"), 2: ("警告", "warning")}


@cache
def codes() -> dict[int, Words]:
    """Every result code that has words here."""
    table = tomllib.loads(files("drone.dji").joinpath("errors.toml").read_text(encoding="utf-8"))["codes"]
    return {int(code): (zh, en) for code, (zh, en) in table.items()}


def of_code(code: int) -> str:
    """One line for a result code; an unknown one says where it comes from and where to look it up."""
    known = codes().get(code)
    if known:
        return f"{known[0]} / {known[1]} ({code})"
    chinese, english = SOURCES.get(str(code)[:1] if len(str(code)) == 6 else "", ("来源不明", "source unknown"))
    return f"错误码 {code},{chinese} / error {code} of {english}; look it up in DJI's list of error codes"


def of(table: dict[int, Words], number: int) -> str:
    """One line for a number of one of the tables; the number itself where it has no words."""
    known = table.get(number)
    return f"{known[0]} {known[1]}" if known else f"{number}"
