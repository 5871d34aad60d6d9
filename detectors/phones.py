"""Chinese telephone numbers in text as people write it on walls: split, spaced, in characters, letters for digits.

Only the shape is known here: a number that fits may still belong to nobody. Local numbers without an area code are not
taken: a price or a date has the same shape.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["mobile", "landline", "service"]

# Numbering plan of the Ministry of Industry and Information Technology (电信网编号计划), prefixes in use in 2025; those
# of machines (140, 141, 144, 146, 148: 13 digits) are left out.
MOBILE = re.compile(r"1(?:3\d|4[579]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}")
LANDLINE = re.compile(
    r"(?P<area>010|02[0-57-9]|0(?:3[1-9]|4[1-8]|5[1-9]|6[369]|7[0-9]|8[1-9]|9[0-9])\d)(?P<local>[2-8]\d{6,7})"
)
SERVICE = re.compile(r"(?:400|800)\d{7}")
COUNTRY = re.compile(r"(?:00)?86")

NUMERALS = dict(zip("〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺", "001234567891234567891", strict=True))
LETTERS = dict(zip("OoDQlI|!丨Zz$SsbGBgq&", "00001111122555668998", strict=True))
JOINERS = frozenset(" -–—―−_.·•・⋅,、/\\*~()[]【】'\"`^…+=\n")
MINUS = "一"  # the numeral one, and what a reader makes of a hyphen
GAP_MAX = 3  # joiners in a row inside one number
PARTS_MAX = 5  # 138-1234-5678 has three; more only when every part is one or two digits
STRONG_MIN = 5  # plain digits or numerals that a number with letters in it must have
LETTERS_RUN_MAX = 4
LETTER_CLASS = re.escape("".join(LETTERS))
DIGITS_MAX = 16  # 0086 and a landline
EXTENSION_MAX = 4
TEXT_MAX = 4000  # characters looked at; a line of writing has about 20
MONEY_BEFORE, MONEY_AFTER = frozenset("¥￥$€"), frozenset("元万亿%")


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number. number: digits only, national form (area code with its 0, no 86).

    start, end: where it stands in the text; guessed: how many of its digits were written as letters.
    """

    number: str
    kind: Kind
    start: int
    end: int
    guessed: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """Digits that touch one another: text[start:end] read as `digits`, of which `guessed` were letters."""

    digits: str
    start: int
    end: int
    guessed: int


def kind_of(number: str) -> Kind | None:
    """What a string of digits in national form is, or None when it is no number of the plan."""
    if MOBILE.fullmatch(number):
        return "mobile"
    if SERVICE.fullmatch(number):
        return "service"
    landline = LANDLINE.fullmatch(number)
    if landline and (len(landline["area"]) == 4 or len(landline["local"]) == 8):
        return "landline"
    return None


def find_phones(text: str) -> list[Phone]:
    """Telephone numbers in a text, in order, none overlapping; a line break counts as a joiner like a blank.

    Read first as it stands, then what is left with Chinese numerals, then with numerals but 一 as a hyphen, then with
    letters for digits, so that an obfuscated reading never breaks a plain one.
    """
    plain = _plain(text[:TEXT_MAX])
    found: list[Phone] = []
    for table, joiners in _readings():
        for phone in _scan(plain, table, joiners):
            found.append(phone)
            plain = plain[: phone.start] + "\0" * (phone.end - phone.start) + plain[phone.end :]
    return sorted(found, key=lambda phone: phone.start)


def near_misses(text: str) -> list[str]:
    """Strings of 10 to 12 digits that stand like a number but fit no plan, for voting over several sightings."""
    plain = _plain(text[:TEXT_MAX])
    for phone in find_phones(text):
        plain = plain[: phone.start] + "\0" * (phone.end - phone.start) + plain[phone.end :]
    wholes = ("".join(part.digits for part in run) for run, _ in _runs(plain, {**NUMERALS, **LETTERS}, JOINERS))
    return [digits for digits in wholes if 10 <= len(digits) <= 12 and digits[0] in "01478" and not kind_of(digits)]


def digits_read(char: str) -> str:
    """The digit that a character may stand for, or an empty string."""
    plain = _plain_char(char)
    return plain if plain in "0123456789" else NUMERALS.get(plain) or LETTERS.get(plain) or ""


def _readings() -> Iterator[tuple[dict[str, str], frozenset[str]]]:
    without_one = {char: digit for char, digit in NUMERALS.items() if char != MINUS}
    yield {}, JOINERS
    yield NUMERALS, JOINERS
    yield without_one, JOINERS | {MINUS}
    yield {**NUMERALS, **LETTERS}, JOINERS
    yield {**without_one, **LETTERS}, JOINERS | {MINUS}


def _plain(text: str) -> str:
    """Full-width, circled and mathematical digits as plain ones; one character stays one character."""
    return "".join(_plain_char(char) for char in text)


def _plain_char(char: str) -> str:
    normal = unicodedata.normalize("NFKC", char)
    if len(normal) == 1:
        return " " if normal.isspace() and normal != "\n" else _western(normal)
    inside = normal.strip("().")
    return inside if len(inside) == 1 and inside.isdigit() else char


def _western(char: str) -> str:
    """Digits of other scripts as 0 to 9."""
    value = unicodedata.digit(char, None)
    return char if value is None else str(value)


def _scan(text: str, table: dict[str, str], joiners: frozenset[str]) -> Iterator[Phone]:
    for run, gaps in _runs(text, table, joiners):
        search = _Search(text, run, gaps)
        first, touches = 0, False
        while first < len(run):
            number = search.at(first, touches)
            if number is not None:
                yield number[0]
            first, touches = (number[1], True) if number else (first + 1, False)


def _runs(text: str, table: dict[str, str], joiners: frozenset[str]) -> Iterator[tuple[list[_Part], list[str]]]:
    """Parts that only joiners keep apart, and the gaps between them (one fewer than parts)."""
    run: list[_Part] = []
    gaps: list[str] = []
    for part in _parts(text, table):
        gap = text[run[-1].end : part.start] if run else ""
        if run and len(gap) <= GAP_MAX and all(char in joiners for char in gap):
            gaps.append(gap)
        elif run:
            yield run, gaps
            run, gaps = [], []
        run.append(part)
    if run:
        yield run, gaps


def _parts(text: str, table: dict[str, str]) -> Iterator[_Part]:
    digits = "0123456789" + "".join(table)
    for match in re.finditer(f"[{re.escape(digits)}]+", text):
        part = match.group()
        guessed = sum(char in LETTERS for char in part)
        yield _Part("".join(table.get(char, char) for char in part), match.start(), match.end(), guessed)


@dataclass
class _Search:
    """One run of parts, asked where numbers stand in it."""

    text: str
    run: list[_Part]
    gaps: list[str]
    known: dict[int, bool] = field(default_factory=dict)

    def at(self, first: int, touches: bool) -> tuple[Phone, int] | None:
        """The longest number that begins with part `first`, and the part after it.

        touches: another number ends just before.
        """
        joined, best = "", None
        for last in range(first, len(self.run)):
            joined += self.run[last].digits
            if len(joined) > DIGITS_MAX:
                break
            number = _national(joined)
            kind = kind_of(number)
            if kind and self._stands(first, last, touches, len(joined) - len(number), number):
                guessed = sum(part.guessed for part in self.run[first : last + 1])
                best = Phone(number, kind, self.run[first].start, self.run[last].end, guessed), last + 1
        return best

    def _stands(self, first: int, last: int, touches: bool, offset: int, number: str) -> bool:
        """Whether parts first..last look like one number in its surroundings and not like a piece of something."""
        parts, inside = self.run[first : last + 1], self.gaps[first:last]
        start, end = parts[0].start, parts[-1].end
        if (
            _is_money(self.text, start, end)
            or _is_list(parts, inside)
            or not _keeps_code(parts, inside, offset, number)
        ):
            return False
        if not _letters_plausible(self.text, parts, start, end):
            return False
        cut_before = first > 0 and not touches and self.gaps[first - 1] in inside
        return not cut_before and not (last < len(self.gaps) and self._goes_on(last, inside, number))

    def _goes_on(self, last: int, inside: list[str], number: str) -> bool:
        """Whether digits follow that are set off just as the number's own parts are: it is a piece of a longer code.

        Another number that begins there, or a landline's extension (分机), is no reason.
        """
        gap, follows = self.gaps[last], self.run[last + 1]
        if gap not in inside or (number[0] != "1" and gap == "-" and len(follows.digits) <= EXTENSION_MAX):
            return False
        if last + 1 not in self.known:
            self.known[last + 1] = self.at(last + 1, True) is not None
        return not self.known[last + 1]


def _national(digits: str) -> str:
    """Without 86, 0086 and the 0 that some write before a mobile number; a landline gets its 0 back."""
    if MOBILE.fullmatch(digits[1:]) and digits[0] == "0":
        return digits[1:]
    country = COUNTRY.match(digits)
    if not country or kind_of(digits):
        return digits
    rest = digits[country.end() :]
    return rest if kind_of(rest) else "0" + rest


def _is_money(text: str, start: int, end: int) -> bool:
    before, after = text[:start].rstrip()[-1:], text[end:].lstrip()[:1]
    return (bool(before) and before in MONEY_BEFORE) or (bool(after) and after in MONEY_AFTER)


def _is_list(parts: list[_Part], inside: list[str]) -> bool:
    """An IP address, a price with a point or thousands commas, or more parts than anybody gives a number."""
    sizes = [len(part.digits) for part in parts]
    if inside == ["."] and sizes[1] <= 2:
        return True
    if len(parts) == 4 and set(inside) == {"."} and max(sizes) <= 3:
        return True
    if len(parts) > 2 and set(inside) == {","} and sizes[0] <= 3 and set(sizes[1:]) == {3}:
        return True
    return len(parts) > PARTS_MAX and max(sizes) > 2


def _keeps_code(parts: list[_Part], inside: list[str], offset: int, number: str) -> bool:
    """Whether no gap but a line break falls inside the area code, 400 or the first three of a mobile number, unless
    every part is one or two digits.

    offset: digits written before the national number (negative when its 0 was left out).
    """
    sizes = [len(part.digits) for part in parts]
    landline = LANDLINE.fullmatch(number)
    code = len(landline["area"]) if landline else 3
    gaps_at = (sum(sizes[: i + 1]) - offset for i, gap in enumerate(inside) if "\n" not in gap)
    return max(sizes) <= 2 or all(not 1 < at < code for at in gaps_at)


def _letters_plausible(text: str, parts: list[_Part], start: int, end: int) -> bool:
    """Letters stand for digits only among digits, and never at the edge of a word."""
    written = text[start:end]
    if not any(part.guessed for part in parts):
        return True
    plain = sum(char.isdigit() or char in NUMERALS for char in written)
    longest = max(len(run) for run in re.findall(f"[{LETTER_CLASS}]+", written))
    beside = text[max(start - 1, 0) : start] + text[end : end + 1]
    return plain >= STRONG_MIN and longest <= LETTERS_RUN_MAX and not any(c.isascii() and c.isalnum() for c in beside)
