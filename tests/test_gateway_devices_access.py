"""Real brokers with TLS: who may connect, say and hear what, and how a revocation cuts a live session."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import until
from secure_rig import GATEWAY_PASSWORD, STARTS, City, Voice

from edge.wire import topic
from edge.wire.access import GATEWAY_USER


@pytest.fixture(params=["mosquitto", "amqtt"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    made = City(tmp_path)
    made.device("kiosk-1")
    made.device("kiosk-2")
    made.write_files()
    STARTS[request.param](made)
    yield made
    made.stop()


def kiosk(city: City, name: str, client_id: str = "", clean: bool = True) -> Voice:
    return Voice(city.tls_port, client_id or name, clean).tls(city.folder / "devices" / name)


def centre(city: City) -> Voice:
    return Voice(city.plain_port, "centre").password(GATEWAY_USER, GATEWAY_PASSWORD).up()


def test_a_device_is_heard_below_its_own_name_on_channels_that_go_up_alone(city: City) -> None:
    gateway, one = centre(city).subscribe("zm/1/up/+/+"), kiosk(city, "kiosk-1").up()
    for name in ("up/kiosk-2/candidate", "down/kiosk-2/receipt", "down/kiosk-1/receipt", "up/kiosk-1/gossip"):
        one.client.publish(f"zm/1/{name}", b"spoofed", 1)
    one.say(topic("up", "kiosk-1", "candidate"), b"mine")
    until(lambda: gateway.heard, 20.0, "the device's own message")
    gateway.say(topic("down", "kiosk-1", "receipt"), b"end")
    assert gateway.heard == [("zm/1/up/kiosk-1/candidate", b"mine")]


def test_a_device_hears_only_what_is_for_it_whatever_it_subscribes_to(city: City) -> None:
    gateway, one = centre(city), kiosk(city, "kiosk-1").up()
    filters = ["zm/1/down/kiosk-1/+", "zm/1/down/kiosk-2/+", "zm/1/down/+/+", "zm/1/up/+/+", "#"]
    for name in filters:
        one.client.subscribe(name, 1)
    two = kiosk(city, "kiosk-2").up().subscribe("zm/1/down/kiosk-2/+")
    one.subscribe("zm/1/down/kiosk-1/work")
    two.say(topic("up", "kiosk-2", "candidate"), b"foreign candidate")
    gateway.say(topic("down", "kiosk-2", "receipt"), b"foreign receipt")
    gateway.say(topic("down", "kiosk-1", "receipt"), b"mine")
    until(lambda: two.heard and one.heard, 20.0, "the receipts")
    assert {payload for _, payload in one.heard} == {b"mine"}


def test_nobody_without_a_certificate_or_password_comes_in(city: City) -> None:
    folder = city.folder / "devices" / "kiosk-1"
    assert Voice(city.tls_port, "kiosk-1").tls(folder, with_certificate=False).refused()
    assert Voice(city.plain_port, "kiosk-1").refused()
    assert Voice(city.plain_port, "kiosk-1").password("kiosk-1", "guess").refused()


def test_a_certificate_of_another_authority_and_one_that_has_expired_are_refused(city: City, tmp_path: Path) -> None:
    old = city.device("kiosk-3", datetime.now(UTC) - timedelta(days=60), days=30.0)
    late = Voice(city.tls_port, "kiosk-3")
    context = ssl.create_default_context(cafile=str(old / "ca.crt"))
    context.load_cert_chain(old / "identity.pem")  # our own check of the date would stop it before the broker does
    late.client.tls_set_context(context)
    assert late.refused()

    other = City(tmp_path / "other")
    foreign = other.device("kiosk-1")
    (foreign / "ca.crt").write_bytes(city.authority.bundle())
    assert Voice(city.tls_port, "kiosk-1").tls(foreign).refused()
    other.stop()


def test_a_device_cannot_push_another_out_by_its_client_id(city: City) -> None:
    one = kiosk(city, "kiosk-1").up()
    thief = kiosk(city, "kiosk-2", client_id="kiosk-1")
    thief.refused()
    one.say(topic("up", "kiosk-1", "candidate"))
    assert one.lost == []


def test_a_password_over_tls_is_one_device_and_no_other(city: City) -> None:
    password = city.with_password("handset-1")
    city.reload()
    folder = city.folder / "devices" / "kiosk-1"
    gateway = centre(city).subscribe("zm/1/up/+/+")

    def handset(word: str) -> Voice:
        return Voice(city.password_port, "handset-1").tls(folder, with_certificate=False).password("handset-1", word)

    good = handset(password).up()
    good.say(topic("up", "handset-1", "op"), b"step")
    until(lambda: gateway.heard == [("zm/1/up/handset-1/op", b"step")], 20.0, "the step")
    assert handset("wrong").refused()


def test_a_revoked_device_is_cut_and_cannot_return_and_the_others_stay(city: City) -> None:
    one, two = kiosk(city, "kiosk-1", clean=False).up(), kiosk(city, "kiosk-2").up()
    city.revoke("kiosk-1")
    cut = threading.Thread(target=city.cutter().cut, args=("kiosk-1",))
    cut.start()
    until(lambda: one.lost, 20.0, "the end of the session")
    cut.join(20.0)
    assert kiosk(city, "kiosk-1", clean=False).refused()
    two.say(topic("up", "kiosk-2", "candidate"))
    assert two.lost == []


def test_what_was_queued_for_a_revoked_device_is_thrown_away(city: City) -> None:
    """Its successor with the same name, claimed afterwards, does not get it either."""
    gateway = centre(city)
    kiosk(city, "kiosk-1", clean=False).up().subscribe("zm/1/down/kiosk-1/+").stop()
    gateway.say(topic("down", "kiosk-1", "verify"), b"for the thief")
    city.revoke("kiosk-1")
    city.cutter().cut("kiosk-1")
    city.device("kiosk-1")
    city.reload()
    successor = kiosk(city, "kiosk-1", clean=False).up().subscribe("zm/1/down/kiosk-1/+")
    gateway.say(topic("down", "kiosk-1", "verify"), b"for the successor")
    until(lambda: successor.heard, 20.0, "its own message")
    assert [payload for _, payload in successor.heard] == [b"for the successor"]


def test_nobody_leaves_a_last_will_on_anothers_topic(city: City) -> None:
    gateway = centre(city).subscribe("zm/1/up/+/+")
    one = kiosk(city, "kiosk-1")
    one.client.will_set("zm/1/up/kiosk-2/presence", b"kiosk-2 is gone", 1, retain=True)
    if not one.refused():
        one.client.socket().close()
        one.client.loop_stop()
    two = kiosk(city, "kiosk-2").up()
    two.say(topic("up", "kiosk-2", "presence"), b"here")
    until(lambda: gateway.heard, 20.0, "the real presence")
    assert gateway.heard == [("zm/1/up/kiosk-2/presence", b"here")]
