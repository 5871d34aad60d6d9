"""What a replay found: counts per class over all kiosks, each kiosk's word, the list of what changes."""

from collections import Counter

from edge.wire.asks import Replayed, ReplayRow
from gateway.console import tables, words
from gateway.console.panels import text
from gateway.console.visit import Visit
from gateway.times import to_text

ROWS_MAX = 500
SIGNS = {"=": ("不变", "as filed"), "+": ("新增", "only these rules"), "-": ("减少", "only what was filed")}
Told = tuple[str, Replayed | None, str]


def draw(visit: Visit, told: list[Told]) -> None:
    """Into the slot that is open."""
    good = [(device, one) for device, one, _ in told if one is not None]
    if good:
        _counts(visit, [one for _, one in good])
    _kiosks(visit, told)
    if rows := [(device, row) for device, one in good for row in one.rows]:
        _rows(visit, rows, sum(one.left_out for _, one in good))


def _counts(visit: Visit, found: list[Replayed]) -> None:
    t = visit.t
    tally: Counter[tuple[str, str]] = Counter()
    for count in (count for one in found for count in one.counts):
        for name in ("same", "added", "dropped"):
            tally[count.class_code, name] += getattr(count, name)
    codes = sorted({code for code, _ in tally})
    lines: list[list[tables.Cell]] = [_line(code, *(tally[code, name] for name in _NAMES)) for code in codes]
    lines.append(_line(t("合计", "all"), *(sum(tally[code, name] for code in codes) for name in _NAMES)))
    head = [t("类别", "class"), t("实际立为候选", "filed"), t("这些规则会立", "would file")]
    head += [t("不变", "same"), t("新增", "added"), t("减少", "dropped")]
    tables.draw(head, lines, t("按类别", "by class"))


_NAMES = ("same", "added", "dropped")


def _line(name: str, same: int, added: int, dropped: int) -> list[tables.Cell]:
    return [name, str(same + dropped), str(same + added), str(same), f"+{added}", f"−{dropped}"]


def _kiosks(visit: Visit, told: list[Told]) -> None:
    t = visit.t
    head = [
        t("岗亭", "kiosk"),
        t("规则", "rules"),
        t("依据：保存的观测", "based on: stored sightings"),
        t("说明", "said"),
    ]
    lines: list[list[tables.Cell]] = [
        [device, one.version, _basis(one), t("已回放", "replayed")] if one is not None else [device, "—", "—", why]
        for device, one, why in told
    ]
    tables.draw(head, lines, t("岗亭", "kiosks"))


def _basis(one: Replayed) -> str:
    return f"{one.sightings:,} · {words.local_stamp(to_text(one.oldest))} – {words.local_stamp(to_text(one.newest))}"


def _rows(visit: Visit, rows: list[tuple[str, ReplayRow]], left_out: int) -> None:
    t = visit.t
    head = ["", t("岗亭", "kiosk"), t("摄像头", "camera"), t("时间", "at"), t("类别", "class"), t("规则", "rule")]
    head += [t("区域", "zone"), t("停留", "dwell"), t("位置", "place")]
    rows = sorted(rows, key=lambda row: (row[1].sign == "=", row[1].at))
    lines: list[list[tables.Cell]] = [
        [
            f"{one.sign} {t(*SIGNS[one.sign])}",
            device,
            one.camera,
            words.local_stamp(to_text(one.at)),
            f"{one.class_code} {one.label}",
            one.rule,
            one.zone,
            f"{one.dwell_s:.0f} s",
            one.place[:12],
        ]
        for device, one in rows[:ROWS_MAX]
    ]
    tables.draw(head, lines, t("明细", "list"))
    if more := left_out + max(0, len(rows) - ROWS_MAX):
        text(t(f"另有 {more} 行未列出", f"{more} more lines are not listed"), "zm-sub")
