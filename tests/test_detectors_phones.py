"""A telephone number is found however it is written; what only looks like one is not."""

import itertools
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.campaign import Tally, aligned, distance, places_of, tallied
from detectors.phones import TEXT_MAX, find_phones, kind_of, near_misses
from detectors.poster import read_phones, readings
from detectors.text import TextLine

DIGIT = st.integers(0, 9).map(str)


def digits(count: int) -> st.SearchStrategy[str]:
    """A string of random digits."""
    return st.lists(DIGIT, min_size=count, max_size=count).map("".join)


MOBILES = st.tuples(
    st.sampled_from(["130", "138", "139", "145", "150", "159", "166", "170", "177", "186", "189", "191", "199"]),
    digits(8),
).map("".join)
AREAS = st.sampled_from(["010", "020", "021", "029", "0311", "0571", "0755", "0851", "0991"])
LANDLINES = st.tuples(AREAS, st.integers(2, 8).map(str), digits(7)).map(lambda parts: (parts[0], "".join(parts[1:])))
SERVICES = st.tuples(st.sampled_from(["400", "800"]), digits(7)).map("".join)
LOOKS = {"0": "OoDQ", "1": "lI|", "2": "Zz", "5": "Ss", "6": "b", "8": "B", "9": "gq"}
WORDS = st.sampled_from(["", "电话:", "办证", "Tel ", "联系人王先生 ", "TEL：", "微信同号 "])


def numbers(text: str) -> list[str]:
    """Numbers found in a text."""
    return [phone.number for phone in find_phones(text)]


@given(MOBILES, WORDS, WORDS)
def test_a_mobile_number_is_found_among_words_with_its_place(number: str, before: str, after: str) -> None:
    (phone,) = find_phones(before + number + " " + after)
    assert (phone.number, phone.kind, phone.guessed) == (number, "mobile", 0)
    assert (phone.start, phone.end) == (len(before), len(before) + 11)


@given(
    MOBILES,
    st.sampled_from([(3, 7), (3, 6), (4, 7), (4, 8), (5, 8)]),
    st.sampled_from([*list(" -—·.*/~_\n"), "  ", " - "]),
)
def test_separators_do_not_hide_a_number(number: str, cuts: tuple[int, int], mark: str) -> None:
    written = mark.join((number[: cuts[0]], number[cuts[0] : cuts[1]], number[cuts[1] :]))
    assert numbers(f"电话 {written} 王先生") == [number]


@given(MOBILES, st.sampled_from(" .-·*"))
def test_a_number_spelt_digit_by_digit_is_found(number: str, mark: str) -> None:
    assert numbers(mark.join(number)) == [number]


@given(MOBILES, st.sampled_from(["０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "٠١٢٣٤٥٦٧٨٩"]))
def test_digits_of_other_shapes_are_read(number: str, shapes: str) -> None:
    assert numbers(number.translate(str.maketrans("0123456789", shapes))) == [number]


@given(
    MOBILES,
    st.sampled_from(["零一二三四五六七八九", "〇一二三四五六七八九", "零壹贰叁肆伍陆柒捌玖"]),
    st.integers(0, 7),
)
def test_chinese_numerals_are_read_in_part_or_throughout(number: str, numerals: str, first: int) -> None:
    written = number[:first] + number[first:].translate(str.maketrans("0123456789", numerals))
    assert numbers(written) == [number]


@given(MOBILES)
def test_a_hyphen_that_was_read_as_the_numeral_one_is_a_hyphen(number: str) -> None:
    assert numbers(f"{number[:3]}一{number[3:7]}一{number[7:]}") == [number]


@given(MOBILES, st.data())
def test_letters_that_look_like_digits_are_digits_among_digits(number: str, data: st.DataObject) -> None:
    places = [i for i in range(1, 11) if number[i] in LOOKS]
    chosen = data.draw(st.sets(st.sampled_from(places), max_size=4)) if places else set()
    written = "".join(data.draw(st.sampled_from(LOOKS[d])) if i in chosen else d for i, d in enumerate(number))
    (phone,) = find_phones(f"办证 {written} 王")
    assert phone.number == number and phone.guessed == len(chosen)


@given(LANDLINES, st.sampled_from(["{}-{}", "({}){}", "（{}） {}", "{} {}", "{}{}", "{}—{}"]))
def test_landlines_are_found_with_their_area_code(parts: tuple[str, str], form: str) -> None:
    (phone,) = find_phones("电话 " + form.format(*parts))
    assert (phone.number, phone.kind) == ("".join(parts), "landline")


@given(SERVICES, st.sampled_from([(3, 6), (4, 7), (3, 3)]), st.sampled_from("- "))
def test_service_numbers_are_found(number: str, cuts: tuple[int, int], mark: str) -> None:
    written = mark.join(part for part in (number[: cuts[0]], number[cuts[0] : cuts[1]], number[cuts[1] :]) if part)
    assert [(phone.number, phone.kind) for phone in find_phones(written)] == [(number, "service")]


@given(MOBILES, LANDLINES, st.sampled_from(["+86", "86", "0086", "+86 ", "(+86)", "86-"]))
def test_the_country_code_is_taken_off(mobile: str, landline: tuple[str, str], code: str) -> None:
    assert numbers(code + mobile) == [mobile]
    assert numbers(f"{code}{landline[0][1:]}-{landline[1]}") == ["".join(landline)]


@given(st.lists(MOBILES, min_size=2, max_size=4, unique=True), st.sampled_from([" ", "/", "、", "|", "\n", " 或 "]))
def test_numbers_beside_each_other_are_told_apart(several: list[str], mark: str) -> None:
    assert numbers(mark.join(several)) == several
    spaced = [f"{number[:3]} {number[3:7]} {number[7:]}" for number in several]
    assert numbers(mark.join(spaced)) == several


@given(
    st.dates(date(1949, 1, 1), date(2049, 12, 31)),
    st.sampled_from(["%Y-%m-%d", "%Y.%m.%d %H:%M", "%Y%m%d", "%d-%m-%Y 130"]),
)
def test_dates_are_no_numbers(day: date, form: str) -> None:
    assert numbers(f"{day:{form}}") == []


@given(st.integers(0, 10**10), st.sampled_from(["¥{:,}", "{:,}元", "￥{} ", "{}元", "{:.2f}", "{:,}"]))
def test_prices_are_no_numbers(amount: int, form: str) -> None:
    assert numbers(form.format(amount)) == []


@given(
    st.tuples(st.integers(11, 65).map(str), digits(4), st.dates(date(1930, 1, 1), date(2015, 1, 1)), digits(4)),
    st.booleans(),
)
def test_identity_card_numbers_are_no_numbers(parts: tuple[str, str, date, str], spaced: bool) -> None:
    mark = " " if spaced else ""
    assert numbers(mark.join((parts[0] + parts[1], f"{parts[2]:%Y%m%d}", parts[3]))) == []
    assert numbers(mark.join((parts[0] + parts[1], f"{parts[2]:%Y%m%d}", parts[3][:3] + "X"))) == []


@given(st.integers(1, 24).flatmap(digits))
def test_a_block_of_random_digits_is_a_number_only_when_it_fits_the_plan(block: str) -> None:
    forms = (block, block[1:], block[2:], block[4:], "0" + block[2:], "0" + block[4:])
    assert numbers(block) == [] or any(kind_of(form) for form in forms)
    assert len(block) <= 16 or numbers(block) == []


@given(st.lists(digits(4), min_size=4, max_size=5), st.sampled_from(" -"))
def test_bank_cards_and_licence_keys_in_groups_of_four_are_no_numbers(groups: list[str], mark: str) -> None:
    assert numbers(mark.join(groups)) == [] or groups[0].startswith(("0", "86"))


@given(st.tuples(*[st.integers(0, 255)] * 4))
def test_network_addresses_are_no_numbers(parts: tuple[int, ...]) -> None:
    assert numbers(".".join(map(str, parts))) == []


@pytest.mark.parametrize(
    "text",
    [
        "12345678901",
        "13800138",
        "02612345678",
        "0755-1234567",
        "TELl3800138000",
        "lllllllllll",
        "OOOOOOOOOOO",
        "BOOOOOSS",
        "",
    ],
)
def test_what_fits_no_plan_or_is_a_word_is_no_number(text: str) -> None:
    assert numbers(text) == []


def test_an_extension_does_not_hide_a_landline() -> None:
    assert numbers("0755-2600-1234-802") == ["075526001234"]


@settings(max_examples=30)
@given(st.text(alphabet="0123456789 -一lO\n", max_size=6000))
def test_any_text_is_read_in_bounded_time_and_spans_stay_inside(text: str) -> None:
    phones = find_phones(text)
    assert all(0 <= a.start < a.end <= min(len(text), TEXT_MAX) for a in phones)
    assert all(a.end <= b.start for a, b in itertools.pairwise(phones))


def test_near_misses_are_what_stands_like_a_number_but_fits_none() -> None:
    assert near_misses("电话 12800138000 编号 20240315008") == ["12800138000"]
    assert near_misses("13800138000") == []


def line(text: str, x: float, y: float, width: float = 200, height: float = 30, score: float = 0.95) -> TextLine:
    """A level line of writing."""
    corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    return TextLine(np.array(corners, np.float32), text, score)


@given(MOBILES, st.integers(2, 9))
def test_a_number_split_over_two_lines_is_joined_and_boxed(number: str, cut: int) -> None:
    lines = [line("24小时 128元", 0, 0), line(number[:cut], 0, 40), line(number[cut:], 10, 80, score=0.8)]
    (phone,) = read_phones(lines)
    assert phone.number == number and phone.score == pytest.approx(0.8)
    assert phone.box.tolist() == [0, 40, 210, 110]


@given(MOBILES)
def test_a_number_in_boxes_side_by_side_is_joined(number: str) -> None:
    lines = [line("电话:" + number[:3], 0, 0, 90), line(number[7:], 260, 2, 90), line(number[3:7], 130, 0, 90)]
    assert [phone.number for phone in read_phones(lines)] == [number]


@given(MOBILES)
def test_a_number_written_downwards_in_single_digits_is_joined(number: str) -> None:
    lines = [line(digit, 50, 40 * i, 20, 32) for i, digit in enumerate(number)]
    assert number in [phone.number for phone in read_phones(lines)]


@pytest.mark.parametrize("apart", [(0, 200), (400, 40)])
def test_pieces_far_apart_are_not_joined(apart: tuple[int, int]) -> None:
    assert read_phones([line("1380013", 0, 0), line("8000", *apart)]) == []


def test_pieces_of_very_different_size_are_not_joined() -> None:
    assert read_phones([line("1380013", 0, 0, height=80), line("8000", 0, 90, height=20)]) == []


def test_a_number_seen_twice_in_a_picture_is_told_once_with_the_better_score() -> None:
    phones = read_phones([line("13800138000", 0, 0, score=0.7), line("138-0013-8000", 0, 300, score=0.9)])
    assert [(phone.number, phone.score) for phone in phones] == [("13800138000", 0.9)]


@given(MOBILES, st.data())
def test_sightings_with_one_wrong_digit_each_still_name_the_campaign(number: str, data: st.DataObject) -> None:
    places = data.draw(st.permutations(range(11)))[:5]
    wrong = [number[:i] + str((int(number[i]) + data.draw(st.integers(1, 9))) % 10) + number[i + 1 :] for i in places]
    tally = tallied([[(reading, 0.9)] for reading in wrong])
    assert tally.campaigns() == [number]


@given(MOBILES, st.integers(0, 10), st.integers(0, 10), DIGIT)
def test_sightings_that_lost_or_gained_a_digit_still_vote_for_the_others(
    number: str, lost: int, gained: int, digit: str
) -> None:
    tally = Tally()
    for reading in (number, number[:lost] + number[lost + 1 :], number[:gained] + digit + number[gained:], number):
        tally.add(reading, 0.9)
    assert tally.campaigns() == [number]


def test_one_sighting_alone_names_no_campaign() -> None:
    tally = tallied([[("13800138000", 0.99)]])
    assert tally.campaigns() == [] and tally.verdicts()[0].digits == "?" * 11


def test_a_digit_on_which_sightings_disagree_stays_unknown_and_no_id_is_given() -> None:
    tally = tallied([[("13800138000", 0.9)], [("13800138000", 0.9)], [("13800188000", 0.9)], [("13800188000", 0.9)]])
    (verdict,) = tally.verdicts()
    assert (verdict.digits, verdict.readings, verdict.campaign) == ("138001?8000", 4, None)


def test_two_numbers_on_one_poster_are_two_campaigns() -> None:
    both = [("13800138000", 0.9), ("075526001234", 0.9)]
    assert tallied([both, both]).campaigns() == ["075526001234", "13800138000"]


def test_agreed_digits_that_fit_no_plan_are_no_campaign() -> None:
    assert tallied([[("12800138000", 0.9)]] * 5).campaigns() == []


def test_one_campaign_has_many_places() -> None:
    tally = tallied([[("13800138000", 0.9)]] * 2)
    posters = {"wall-2": tally, "wall-1": tally, "door": tallied([[("13912345678", 0.9)]])}
    assert places_of(posters) == {"13800138000": ["wall-1", "wall-2"]}


def test_a_tally_keeps_a_limited_number_of_readings() -> None:
    tally = tallied([[(f"1380{i:04d}{j:03d}", 0.9) for i in range(0, 9999, 999)] for j in range(100)])
    assert len(tally.ballots) <= 16 and all(len(ballot.readings) <= 64 for ballot in tally.ballots)


@pytest.mark.parametrize(("reading", "score"), [("", 0.9), ("138x", 0.9), ("138", 0.0), ("138", 1.5)])
def test_what_is_no_reading_is_refused(reading: str, score: float) -> None:
    with pytest.raises(ValueError, match="a reading is digits"):
        Tally().add(reading, score)


@given(digits(11), digits(11))
def test_distance_is_a_distance(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a) <= sum(x != y for x, y in zip(a, b, strict=True))
    assert distance(a, a) == 0 and aligned(a, a) == a and len(aligned(a[:9], b)) == 11


def test_readings_of_a_picture_feed_the_vote_with_near_misses_too() -> None:
    seen = readings([line("12800138000", 0, 0, score=0.8), line("13800138000", 0, 300, score=0.9)])
    assert seen == [("13800138000", 0.9), ("12800138000", 0.8)]
