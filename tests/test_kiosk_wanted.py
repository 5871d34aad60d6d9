"""What a kiosk lets be changed from afar, and what it runs with when that cannot be used any more."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from conftest import RealBroker, until

from edge.care import Shelf, State
from edge.care.keeper import WishRefused
from edge.kiosk.care import Care, InForceUnusable
from edge.kiosk.config import CameraSettings, KioskSettings, load_settings
from edge.kiosk.wanted import checked, merged, parsed
from edge.link import Broker, Connection, Link, Outbox
from edge.wire import Receipt, encode, topic

RULES = '[[rule]]\nname = "b"\ncase_class = "bike"\nclass_code = "04-10"\nlabels = ["bicycle"]\ndwell_s = 90.0\n'
KIOSK = 'device = "kiosk-1"\ndata = "data"\nrules = "rules.toml"\n[[camera]]\nname = "north"\nsource = "street.mp4"\n'


def local(folder: Path) -> KioskSettings:
    """The kiosk's own file."""
    (folder / "rules.toml").write_text(f'version = "local"\n{RULES}')
    (folder / "kiosk.toml").write_text(KIOSK)
    return load_settings(folder / "kiosk.toml")


@pytest.mark.parametrize("name", ["device", "data", "broker", "care", "originals_bytes_max", "outbox_bytes_max"])
def test_who_the_kiosk_is_and_what_it_trusts_cannot_be_changed(name: str) -> None:
    """However the value looks."""
    with pytest.raises(WishRefused, match=f"unknown field `{name}`"):
        parsed(msgspec.json.encode({name: {}}))


def test_a_document_is_laid_over_the_kiosk_s_own_file(tmp_path: Path) -> None:
    """What it does not name stays; cameras that are new or other have to prove themselves."""
    own = local(tmp_path)
    north = msgspec.to_builtins(own.camera[0])
    south = {"name": "south", "source": "rtsp://192.0.2.1/x"}
    body = msgspec.json.encode({"camera": [north, south], "gone_s": 33.0, "rules": f'version = "2"\n{RULES}'})
    wish = checked(body, own, own, tmp_path)
    assert (wish.cameras, wish.changed) == ({"north", "south"}, {"south"})
    assert set(wish.files) == {"wanted.json", "rules.toml"}
    after = merged(own, parsed(body))
    assert (after.gone_s, after.device, after.gate, len(after.camera)) == (33.0, "kiosk-1", own.gate, 2)


def test_mistakes_that_the_kiosk_s_own_file_would_not_be_forgiven(tmp_path: Path) -> None:
    """The same checks, with the document named instead of the file."""
    own = local(tmp_path)
    north = msgspec.to_builtins(own.camera[0])
    few = [{"x": 0.1, "y": 0.1, "lat": 34.0, "lon": 117.0}]
    for document, words in (
        ({"camera": [north, north]}, "document: camera name 'north' stands twice"),
        ({"camera": [{**north, "calibration": few}]}, "camera north"),
        ({"camera": []}, "length >= 1"),
        ({"gone_s": 0}, "Expected `float` > 0"),
        ({"rules": "version = 1"}, "document, rules"),
        ({"rules": f'version = "2"\nstandard = "absent.toml"\n{RULES}'}, "absent.toml"),
        ({"release": "abc"}, "matching regex"),
        ({"release": "0" * 64}, "has no [care] url"),
    ):
        with pytest.raises(WishRefused) as refused:
            checked(msgspec.json.encode(document), own, own, tmp_path)
        assert words in str(refused.value)
    other = [CameraSettings("north", "other.mp4")]
    with pytest.raises(WishRefused, match="is a file; from afar"):
        checked(msgspec.json.encode({"camera": other}), own, own, tmp_path)


def test_a_version_that_cannot_be_read_any_more_goes_back_step_by_step(tmp_path: Path) -> None:
    """To the good one before, then to the kiosk's own file, which alone may keep it from starting."""
    own, config = local(tmp_path), tmp_path / "kiosk.toml"
    shelf = Shelf(tmp_path / "data" / "care")
    shelf.stage(6, {"wanted.json": b'{"gone_s": 66.0}'})
    shelf.write(State(good=7, previous=6))
    with pytest.raises(InForceUnusable, match="version 7") as error:
        Care(own, config, counting=True)
    assert error.value.care.fall_back("it is gone")
    care = Care(own, config, counting=True)
    assert (care.settings.gone_s, care.start.state.in_force, care.start.state.refused) == (66.0, 6, 7)
    assert care.fall_back("no camera opens")
    last = Care(own, config, counting=True)
    assert (last.settings, last.rules) == (own, tmp_path / "rules.toml")
    assert not last.fall_back("nothing is left")


def test_receipts_tell_how_far_off_the_clock_is(broker: RealBroker, tmp_path: Path) -> None:
    """The gateway's clock an hour ahead; the receipt that was under way the shortest counts."""
    link = Link(Outbox(tmp_path / "kiosk.db", "kiosk-1"), Broker(port=broker.port), "kiosk", handlers={})
    centre = Connection(Broker(port=broker.port), "centre", subscriptions=[], on_message=lambda _: None)
    centre.start()
    link.start()
    until(lambda: link.connected and centre.connected, what="both lines")
    assert link.clock_offset_s is None

    def arrives(late_s: float) -> bool:
        """Sent again until one has come: the subscription may not stand yet."""
        at = datetime.now(UTC) + timedelta(seconds=3600 - late_s)
        receipt = Receipt(device="kiosk-1", epoch=link.outbox.epoch, seqs=[], at=at)
        before = link.counters.down
        centre.publish(topic("down", "kiosk-1", "receipt"), encode(receipt))
        time.sleep(0.05)
        return link.counters.down > before

    until(lambda: arrives(50.0), what="a receipt that was long under way")
    assert link.clock_offset_s is not None and link.clock_offset_s <= 3550
    until(lambda: arrives(0.0) and (link.clock_offset_s or 0.0) > 3590, what="one that was not")
    until(lambda: arrives(50.0), what="a late one again")
    assert link.clock_offset_s is not None and 3550 < link.clock_offset_s <= 3600
    assert link.last_receipt_at is not None
    link.stop()
    centre.stop()
