"""A month's kept figures, and the month's before, into blocks. Nothing is reckoned here but rates and differences."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from gateway.registry.bulletin import charts
from gateway.registry.bulletin.blocks import (
    Bit,
    Block,
    Cell,
    Column,
    Heading,
    Paragraph,
    Table,
    Tile,
    Tiles,
    Tone,
)  # fmt: skip
from gateway.registry.bulletin.words import Lang, level, split, word
from gateway.registry.clocks import BEIJING
from gateway.registry.evaluation import CITY, decimal
from gateway.registry.indicators import BY_NAME, INDICATORS
from gateway.times import from_text

Row = dict[str, Any]
LESS_IS_BETTER = frozenset({"overdue", "rework", "extension"})
SHOWN = ("closing", "closing_in_time", "disposal_in_time", "rework", "overdue")
RANKED = ("subdistrict", "department", "contractor")
OTHERS = ("district", "patrol_area")
NOTHING = {"numerator": 0, "denominator": 0}


@dataclass(frozen=True)
class Issue:
    """What is printed. `month`: YYYY-MM; `before`: the month's before, or None; `api`: where links lead, "" for the
    page's own server; `over`: whether the month was over."""

    month: str
    body: Row
    before: Row | None
    lang: Lang = "zh"
    api: str = ""
    over: bool = True

    def row(self, level_name: str, code: str, body: Row | None = None) -> Row:
        """A place's row; an empty one where nothing was due."""
        rows = (self.body if body is None else body)["figures"]["rows"]
        found = (row for row in rows if (row["level"], row["code"]) == (level_name, code))
        return next(found, {"indicators": {}, "score": None, "rank": None})

    def name(self, level_name: str, code: str) -> str:
        """What a place is called."""
        pair = self.body["names"].get(level_name, {}).get(code)
        return str(pair[0 if self.lang == "zh" else 1]) if pair else code

    def link(self, level_name: str, code: str, indicator: str, part: str) -> str:
        """The cases behind a figure."""
        asked = {"month": self.month, "indicator": indicator, "level": level_name, "code": code, "part": part}
        return f"{self.api}/evaluation/cases?{urlencode(asked)}"


def compose(issue: Issue) -> list[Block]:
    """The whole bulletin, top to bottom."""
    return [*_head(issue), *_city(issue), *_days(issue), *_ranked(issue), *_others(issue), *_foot(issue)]


def _head(issue: Issue) -> list[Block]:
    city = issue.body["city"]
    name = word("demo", issue.lang) if city in ("", "synthetic") else city
    figures = issue.body["figures"]
    as_of = from_text(figures["as_of"]).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    note = word("period", issue.lang, month=issue.month, as_of=as_of, standard=figures["standard"])
    late = [] if issue.over else [Paragraph(word("provisional", issue.lang))]
    return [Heading(word("title", issue.lang, city=name), 1, note), *late, Tiles(tuple(_tiles(issue)))]


def _tiles(issue: Issue) -> list[Tile]:
    now, then = issue.row(CITY, CITY)["indicators"], issue.row(CITY, CITY, issue.before or {"figures": {"rows": []}})
    old = then["indicators"]
    filing, was = now.get("filing", NOTHING), old.get("filing", NOTHING)
    tiles = []
    for label, part in (("reports", "denominator"), ("filed", "numerator")):
        value = Bit(f"{filing[part]:,}", issue.link(CITY, CITY, "filing", part), bold=True)
        below = [Bit(_count_change(filing[part], was[part], issue), tone="quiet")]
        tiles.append(Tile(word(label, issue.lang), value, tuple(below)))
    for label, name in (("closed", "closing"), ("in_time", "closing_in_time")):
        figure = now.get(name, NOTHING)
        value = Bit(percent(figure), issue.link(CITY, CITY, name, "numerator"), bold=True)
        due = word("of_due", issue.lang, n=f"{figure['denominator']:,}")
        below = [Bit(due, issue.link(CITY, CITY, name, "denominator"), "quiet"), _change(name, figure, old.get(name))]
        tiles.append(Tile(word(label, issue.lang), value, tuple(below)))
    return tiles


def _city(issue: Issue) -> list[Block]:
    now = issue.row(CITY, CITY)["indicators"]
    old = issue.row(CITY, CITY, issue.before)["indicators"] if issue.before else {}
    titles = ("indicator", "figures", "rate", "before", "change")
    shares = (0.34, 0.26, 0.13, 0.14, 0.13)
    columns = _columns(issue, titles, shares)
    rows = []
    for indicator in INDICATORS:
        figure = now.get(indicator.name, NOTHING)
        then = old.get(indicator.name)
        parts = _parts(issue, CITY, CITY, indicator.name, figure)
        rate, was = (Bit(percent(figure)),), (Bit(percent(then) if then else "–", tone="quiet"),)
        rows.append(
            ((Bit(_indicator(indicator.name, issue.lang)),), parts, rate, was, (_change(indicator.name, figure, then),))
        )
    return [Heading(word("city", issue.lang)), Table(columns, tuple(rows))]


def _days(issue: Issue) -> list[Block]:
    line = issue.body["days"]
    labels = [day["day"][8:].lstrip("0") for day in line]
    pairs = [day["indicators"].get("filing", [0, 0]) for day in line]
    series = [(word("reports", issue.lang), [below for _, below in pairs])]
    series += [(word("filed", issue.lang), [above for above, _ in pairs])]
    chart = charts.days(word("by_day", issue.lang), labels, series)
    return [Heading(word("by_day", issue.lang)), chart, Paragraph(word("by_day_note", issue.lang), small=True)]


def _ranked(issue: Issue) -> list[Block]:
    blocks: list[Block] = []
    rows = issue.body["figures"]["rows"]
    for name in RANKED:
        mine = [row for row in rows if row["level"] == name]
        for group in sorted({row["group"] for row in mine}):
            blocks += _group(issue, name, group, [row for row in mine if row["group"] == group])
    return blocks


def _group(issue: Issue, name: str, group: str, rows: list[Row]) -> list[Block]:
    rows = sorted(rows, key=lambda row: (row["rank"] is None, row["rank"] or 0, row["code"]))
    called = word(group, issue.lang) if group in ("cleaning", "collection") else group
    title = word("group", issue.lang, level=level(name, issue.lang), group=called or "–")
    dots = [_dot(issue, name, row) for row in rows if row["score"]]
    keys = (word("scores", issue.lang), word("before", issue.lang))
    chart = [charts.ranking(f"{title}: {keys[0]}", dots, *keys)] if len(dots) > 1 else []
    table = _places(issue, name, rows, ranked=True)
    return [Heading(title), Paragraph(word("ranked", issue.lang), small=True), *chart, table]


def _dot(issue: Issue, name: str, row: Row) -> charts.Ranked:
    then = issue.row(name, row["code"], issue.before)["score"] if issue.before else None
    return charts.Ranked(
        issue.name(name, row["code"]), row["score"], float(row["score"]), float(then) if then else None
    )


def _others(issue: Issue) -> list[Block]:
    rows = issue.body["figures"]["rows"]
    blocks: list[Block] = [Heading(word("others", issue.lang))]
    for name in OTHERS:
        mine = [row for row in rows if row["level"] == name]
        if mine:
            blocks += [Heading(level(name, issue.lang), 3), _places(issue, name, mine, ranked=False)]
    return blocks


def _places(issue: Issue, name: str, rows: list[Row], ranked: bool) -> Table:
    lead = ("rank", "name", "score", "moved") if ranked else ("name", "score")
    shares = (0.045, 0.165, 0.065, 0.055) if ranked else (0.18, 0.07)
    columns = list(_columns(issue, lead, shares, left=("name",)))
    rest = (1 - sum(shares)) / len(SHOWN)
    columns += [Column(_indicator(shown, issue.lang), rest) for shown in SHOWN]
    return Table(tuple(columns), tuple(_place(issue, name, row, ranked) for row in rows))


def _place(issue: Issue, name: str, row: Row, ranked: bool) -> tuple[Cell, ...]:
    called: Cell = (Bit(issue.name(name, row["code"]), bold=row["rank"] == 1),)
    score: Cell = (Bit(row["score"] or "–", bold=True),)
    figures = []
    for shown in SHOWN:
        figure = row["indicators"].get(shown, NOTHING)
        figures.append((*_parts(issue, name, row["code"], shown, figure), Bit(f"  {percent(figure)}", bold=True)))
    if not ranked:
        return (called, score, *figures)
    return ((Bit(str(row["rank"] or "–")),), called, score, (_moved(issue, name, row),), *figures)


def _moved(issue: Issue, name: str, row: Row) -> Bit:
    """Places up or down against the month before, in the same group."""
    then = issue.row(name, row["code"], issue.before) if issue.before else {"rank": None}
    if row["rank"] is None or then["rank"] is None or then.get("group") != row["group"]:
        return Bit("–", tone="quiet")
    steps = then["rank"] - row["rank"]
    return Bit("=" if steps == 0 else f"{'↑' if steps > 0 else '↓'}{abs(steps)}", tone=_tone(steps))


def _foot(issue: Issue) -> list[Block]:
    titles, shares = ("indicator", "numerator", "denominator"), (0.3, 0.35, 0.35)
    columns = tuple(Column(word(title, issue.lang), share, "left") for title, share in zip(titles, shares, strict=True))
    rows = tuple(
        (
            (Bit(_indicator(i.name, issue.lang)),),
            (Bit(split(i.numerator, issue.lang)),),
            (Bit(split(i.denominator, issue.lang)),),
        )
        for i in INDICATORS
    )
    terms = [
        word(
            "inverse" if w["inverse"] else "plain",
            issue.lang,
            weight=w["weight"],
            name=_indicator(w["indicator"], issue.lang),
        )
        for w in issue.body["score"]
    ]
    blocks: list[Block] = [Heading(word("meaning", issue.lang)), Table(columns, rows)]
    if terms:
        blocks.append(Paragraph(word("score_is", issue.lang, formula=" + ".join(terms)), small=True))
    seal = f"{word('sha256', issue.lang)}: {issue.body['sha256']}"
    return [*blocks, Paragraph(word("counted", issue.lang), small=True), Paragraph(seal, small=True)]


def _columns(
    issue: Issue, titles: tuple[str, ...], shares: tuple[float, ...], left: tuple[str, ...] = ("indicator",)
) -> tuple[Column, ...]:
    pairs = zip(titles, shares, strict=True)
    return tuple(Column(word(t, issue.lang), share, "left" if t in left else "right") for t, share in pairs)


def _parts(issue: Issue, level_name: str, code: str, indicator: str, figure: Row) -> Cell:
    above = Bit(f"{figure['numerator']:,}", issue.link(level_name, code, indicator, "numerator"))
    below = Bit(f"{figure['denominator']:,}", issue.link(level_name, code, indicator, "denominator"))
    return (above, Bit(" / ", tone="quiet"), below)


def _indicator(name: str, lang: Lang) -> str:
    indicator = BY_NAME.get(name)
    return indicator.name_zh if indicator and lang == "zh" else name.replace("_", " ")


def percent(figure: Row) -> str:
    """An exact rate in per cent to one decimal; a dash where nothing was due."""
    if not figure["denominator"]:
        return "–"
    return f"{decimal(Fraction(100 * figure['numerator'], figure['denominator']), 1)} %"


def _change(name: str, now: Row, then: Row | None) -> Bit:
    """Percentage points against the month before."""
    if not then or not now["denominator"] or not then["denominator"]:
        return Bit("–", tone="quiet")
    gap = Fraction(now["numerator"], now["denominator"]) - Fraction(then["numerator"], then["denominator"])
    text = decimal(100 * gap, 1) or ""
    known = name in LESS_IS_BETTER
    return Bit(f"{'+' if gap > 0 else ''}{text}", tone=_tone(-gap if known else gap))


def _count_change(now: int, then: int, issue: Issue) -> str:
    if not then:
        return f"{word('before', issue.lang)} –"
    gap = decimal(Fraction(100 * (now - then), then), 1) or ""
    return f"{word('before', issue.lang)} {then:,} ({'+' if now > then else ''}{gap} %)"


def _tone(better: Fraction | int) -> Tone:
    return "good" if better > 0 else "bad" if better < 0 else "quiet"
