"""Events and refusals in Chinese and English: what happened, and for a refusal what to do."""

from drone.autopilot.types import Event, Kind, Refusal, Why

EVENTS: dict[Kind, str] = {
    Kind.LINK_UP: "已连接飞控 autopilot found",
    Kind.LINK_LOST: "链路中断 link lost, silent for",
    Kind.LINK_BACK: "链路恢复 link is back after",
    Kind.REBOOTED: "飞控重启 autopilot has rebooted, clock",
    Kind.LOOP_STALLED: "地面站循环停顿 this loop stood still for",
    Kind.MODE: "模式 mode",
    Kind.PILOT: "飞手接管,不再发指令 a pilot has taken over, hands off; mode",
    Kind.FAILSAFE: "自动驾驶保护动作 the autopilot's own failsafe acts; mode",
    Kind.ARMED: "已解锁 armed",
    Kind.DISARMED: "已上锁 disarmed",
    Kind.TEXT: "飞控消息 autopilot says:",
    Kind.BATTERY_RETURN: "电量低,返航 battery low, returning:",
    Kind.FENCE_BREACH: "越出围栏 fence breached:",
    Kind.FENCE_CLEAR: "回到围栏内 inside the fence again",
    Kind.WAYPOINT: "到达航点 waypoint reached:",
    Kind.AGAIN: "传输未成,重试 transfer failed, trying again:",
    Kind.VERIFIED: "上传并回读一致 uploaded and read back the same:",
    Kind.DROPPED_FIELD: "飞控不保存此字段 the autopilot does not keep a field:",
    Kind.PARAMETER: "参数 parameter",
    Kind.PARAMETER_MISSING: "飞控没有此参数,该保护不起作用 no such parameter, what it protects from is not protected:",
    Kind.NOT_READY: "未达到 not reached:",
    Kind.TAKE_OFF: "起飞 taking off to",
    Kind.FLYING: "执行航线 flying the mission",
    Kind.SECOND_LOOK: "再看一次,暂离航线 second look, leaving the mission for",
    Kind.PAUSED: "已暂停 paused",
    Kind.RETURNING: "返航 returning home",
    Kind.LANDED: "已着陆 landed",
    Kind.DONE: "完成 done:",
    Kind.REFUSED: "飞控拒绝指令 command refused:",
}

REFUSALS: dict[Why, tuple[str, str]] = {
    Why.NO_LINK: (
        "没有收到飞控心跳,请检查 --link 地址、电台和波特率",
        "no heartbeat from an autopilot; check --link, the radio and its rate",
    ),
    Why.NOT_COPTER: (
        "只支持 ArduCopter 多旋翼;其他飞控可用 --dry-run 上传核对",
        "only ArduCopter multicopters are flown; others can be uploaded to with --dry-run",
    ),
    Why.LINK_LOST: (
        "起飞前链路中断,请恢复链路后重来",
        "the link was lost before take-off; restore it and start again",
    ),
    Why.UPLOAD_SILENT: (
        "上传时飞控不再应答,飞控内的航线可能残缺,请重新上传",
        "the autopilot fell silent during the upload, its list may be a mixture; upload again before anyone flies it",
    ),
    Why.UPLOAD_REFUSED: (
        "飞控拒绝航线,请按结果码修改计划",
        "the autopilot refuses the list; change the plan as its result says",
    ),
    Why.DOWNLOAD_SILENT: (
        "回读时飞控不再应答,未经核对不飞行,请重来",
        "the autopilot fell silent while reading back; what is not verified is not flown, try again",
    ),
    Why.DOWNLOAD_REFUSED: (
        "飞控拒绝回读,未经核对不飞行;请关闭其他地面站的上传",
        "the autopilot refuses to read back; what is not verified is not flown. Stop other uploads and try again",
    ),
    Why.DIFFERS: (
        "回读与计划不一致,拒绝飞行",
        "what the autopilot holds is not the plan; not flown. Does another ground station write to it",
    ),
    Why.COMMAND_REFUSED: (
        "飞控拒绝指令,请先处理其给出的原因",
        "the autopilot refuses a command; mend what it complains of",
    ),
    Why.COMMAND_SILENT: (
        "指令多次无应答,请检查链路",
        "a command was not answered after all tries; check the link",
    ),
    Why.PARAMETER_REFUSED: (
        "飞控没有接受安全参数,请在飞控上设置,或用 --keep-params 自行承担",
        "a safety parameter was not taken; set it on the autopilot, or fly with --keep-params at your own risk",
    ),
    Why.NOT_READY: (
        "飞控未通过起飞前检查,请处理后重来",
        "the autopilot's pre-arm checks do not pass; mend these and try again",
    ),
    Why.ALREADY_ARMED: (
        "飞机已解锁,可能正在飞行,不接手",
        "the vehicle is armed, perhaps in flight; nothing is taken over. Land and disarm first",
    ),
    Why.MODE_NOT_TAKEN: (
        "飞控没有进入该模式,请检查遥控器开关",
        "the mode was not taken; check the pilot's mode switch",
    ),
    Why.NOT_ARMED: ("飞机没有解锁或已自行上锁", "the vehicle did not arm, or disarmed itself; see its reasons"),
    Why.DISARMED_HIGH: (
        "飞控报告已上锁,但最后高度不在地面,请到最后位置查看",
        "the autopilot says disarmed, but its last height was not the ground; look after the vehicle",
    ),
    Why.REBOOTED: (
        "飞控在飞行中重启,不再发指令,请人工处置",
        "the autopilot rebooted in flight; nothing was commanded after that, look after the vehicle",
    ),
    Why.NO_TAKEOFF_ITEM: (
        "计划里没有起飞高度,请加起飞项或给 --height",
        "the plan names no take-off height above home; add a take-off item or give --height",
    ),
    Why.STOPPED: ("操作员停止", "stopped by the operator; the vehicle was last in mode"),
    Why.LEFT: (
        "飞机尚未确认返航就退出;心跳已停,FS_GCS_ENABLE=1 时它会自行返航",
        "left before the vehicle acknowledged its return; the heartbeat has stopped, with FS_GCS_ENABLE=1 it comes "
        "home by itself. Last mode",
    ),
}


def event_line(event: Event) -> str:
    """One line for people."""
    return f"{EVENTS[event.kind]} {event.detail}".rstrip()


def refusal_line(refusal: Refusal) -> str:
    """One line for people: Chinese, English, and what belongs to it."""
    chinese, english = REFUSALS[refusal.why]
    detail = f": {refusal.detail}" if refusal.detail else ""
    return f"{chinese} / {english}{detail}"
