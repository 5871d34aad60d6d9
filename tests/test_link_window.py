"""What a link sends next: urgency first, old before new, but new ones wait for no backlog; never over limits."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_link_outbox import picture
from test_wire_contract import a_candidate

from edge.link import Outbox
from edge.link.window import BYTES, FOR_NEW, MESSAGES, NEW_EVERY, Pace, Window
from edge.wire import Verdict, channel
from gateway.limits import FloodLimit

FAST = 1e6


def verdict() -> Verdict:
    """An urgent message."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    fields = {"verify_id": "v", "incident_id": "i", "camera": "c", "verdict": "cannot_see", "at": at, "looks": []}
    return Verdict(device="x", epoch="01234567", seq=1, **fields)  # type: ignore[arg-type]


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "o.db", "kiosk-1")


def a_window(pace: float = FAST) -> Window:
    return Window(10.0, random.Random(1), Pace(pace))


def test_a_full_window_of_candidates_holds_up_no_verdict(box: Outbox) -> None:
    box.put(*(a_candidate() for _ in range(200)))
    window = a_window()
    window.clear(box.next_seq)
    assert len(window.next(box, 0.0)) == MESSAGES
    assert window.next(box, 0.1) == []
    (seq,) = box.put(verdict())
    assert [p.seq for p in window.next(box, 0.2)] == [seq]


def test_a_window_full_of_old_candidates_holds_up_no_new_one(box: Outbox) -> None:
    """The places for new ones are not taken by the backlog's newest."""
    box.put(*(a_candidate() for _ in range(200)))
    window = a_window()
    window.clear(box.next_seq)
    window.next(box, 0.0)
    new = box.put(*(a_candidate() for _ in range(FOR_NEW + 5)))
    went = [p.seq for p in window.next(box, 0.1)]
    assert len(went) == FOR_NEW and set(went) <= set(new)


def test_a_backlog_drains_from_its_old_end_and_new_ones_go_within_a_few_sends(box: Outbox) -> None:
    """One receipt at a time: the hardest order. Each new candidate goes within NEW_EVERY sends of its making."""
    box.put(*(a_candidate() for _ in range(400)))
    window = a_window()
    window.clear(box.next_seq)
    flying = [p.seq for p in window.next(box, 0.0)]
    sent, late, waiting = list(flying), [], dict[int, int]()
    for turn in range(1200):
        if not flying:
            break
        seq = flying.pop(0)
        window.landed([seq])
        box.receipted(box.epoch, [seq])
        if turn % 40 == 0 and turn < 300:
            waiting[box.put(a_candidate())[0]] = turn
        for one in window.next(box, 0.0):
            flying.append(one.seq)
            sent.append(one.seq)
            if one.seq in waiting:
                late.append(turn - waiting[one.seq])
    assert box.size == (0, 0) and len(sent) == len(set(sent)) == 408
    assert len(late) == 8 and max(late) <= NEW_EVERY
    old = [seq for seq in sent[: 4 * MESSAGES] if seq <= 200]
    assert len(old) >= 0.7 * 4 * MESSAGES and old == sorted(old)


def test_what_goes_out_is_never_more_than_the_gateway_takes(box: Outbox) -> None:
    """Device and gateway keep the same account: over ten minutes not one candidate is thrown away, and the limit is
    used."""
    pace, limit, row = Pace(), FloodLimit(), channel("up", "candidate")
    sent = 0
    for tick in range(6000):
        now_s = tick / 10
        for _ in range(pace.allowed(row.name, now_s)):
            pace.take(row.name)
            assert limit.allows("kiosk-1", row, now_s + 0.02)
            sent += 1
    assert sent >= 0.9 * 10 * row.rate_per_min_max


def test_what_has_no_receipt_is_due_again_after_a_while(box: Outbox) -> None:
    box.put(a_candidate())
    window = a_window()
    assert len(window.next(box, 0.0)) == 1 and window.next(box, 9.9) == [] and len(window) == 1
    assert len(window.next(box, 15.1)) == 1
    window.clear(box.next_seq)
    assert len(window.next(box, 15.2)) == 1


def test_pictures_under_way_are_bounded_by_bytes_and_one_always_may_go(box: Outbox) -> None:
    size = 200_000
    box.put(*(picture(size) for _ in range(20)))
    went = a_window().next(box, 0.0)
    assert went and sum(len(p.payload) for p in went) <= BYTES
    assert len(Window(10.0, random.Random(1), Pace(FAST)).next(box, 0.0)) == len(went)


def test_messages_of_urgency_zero_keep_their_order(box: Outbox) -> None:
    """A crew's steps follow from each other."""
    seqs = box.put(*(verdict() for _ in range(MESSAGES)))
    assert [p.seq for p in a_window().next(box, 0.0)] == seqs
