"""Which photos go by HTTP and which in pieces, over every answer that the centre may give or not give."""

from edge.handset.leave import ASKS_MAX, FAILURES_MAX, Leaves
from edge.wire import PIECE_BYTES_MAX, ErrorCode, UploadAsk, UploadGrant

SHA256 = "ab" * 32
GRANT = UploadGrant(sha256=SHA256, path="/uploads", token="t")


def ask(leaves: Leaves, size_bytes: int = PIECE_BYTES_MAX + 1) -> UploadAsk | None:
    return leaves.ask("h-1", SHA256, size_bytes, "image/jpeg")


def test_only_what_is_too_large_for_a_message_is_asked_for_and_only_where_somebody_uploads() -> None:
    assert ask(Leaves(False)) is None and ask(Leaves(True), PIECE_BYTES_MAX) is None
    asked = ask(Leaves(True))
    assert asked is not None and (asked.purpose, asked.size_bytes) == ("photo", PIECE_BYTES_MAX + 1)


def test_what_is_granted_is_held_until_it_ended() -> None:
    leaves = Leaves(True)
    ask(leaves)
    leaves.answered(GRANT)
    assert leaves.holds(SHA256) and leaves.take() == GRANT and leaves.take() is None
    leaves.up()  # the line came back; the upload went on meanwhile
    assert leaves.holds(SHA256) and leaves.ended(SHA256, True) == 0 and not leaves.holds(SHA256)


def test_an_answer_that_nobody_asked_for_is_nothing() -> None:
    leaves = Leaves(True)
    leaves.answered(GRANT)
    assert leaves.take() is None and not leaves.holds(SHA256)


def test_a_centre_that_does_not_answer_gets_pieces_until_the_next_connection() -> None:
    leaves = Leaves(True)
    assert all(ask(leaves) for _ in range(ASKS_MAX))
    assert ask(leaves) is None and ask(leaves) is None
    leaves.up()
    assert ask(leaves) is not None


def test_a_refused_photo_goes_in_pieces() -> None:
    leaves = Leaves(True)
    ask(leaves)
    leaves.answered(UploadGrant(sha256=SHA256, code=int(ErrorCode.OVER_QUOTA), reason="tomorrow"))
    assert leaves.take() is None and not leaves.holds(SHA256) and ask(leaves) is None


def test_an_upload_that_breaks_off_is_tried_again_and_then_goes_in_pieces() -> None:
    leaves = Leaves(True)
    for failed in range(1, FAILURES_MAX + 1):
        assert ask(leaves) is not None
        leaves.answered(GRANT)
        assert leaves.take() == GRANT and leaves.ended(SHA256, False) == failed
    assert ask(leaves) is None
