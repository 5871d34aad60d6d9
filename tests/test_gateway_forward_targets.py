"""Forwarding through the adapters, against real HTTP servers: routing, order, back-off, webhooks both ways."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import forward_rig
import httpx
import msgspec
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from forward_rig import Reply, Rig, Server
from gateway_helpers import REPOSITORY, candidate, verdict

from edge.link.settings import SettingsError, load
from edge.wire import Verify
from gateway import hooks, signing, tables
from gateway.settings import GatewaySettings
from gateway.targets.embedded import EmbeddedRegistry
from gateway.targets.settings import TargetSettings, check
from gateway.targets.template import dug, fill
from gateway.targets.webhook import Webhook

SECRET = "between us"
HOOK: dict[str, Any] = {
    "kind": "webhook",
    "secret": SECRET,
    "codes": {"04-06": "1203"},
    "report": {
        "event": "$incident_id",
        "type": "$code",
        "where": {"x": "$lon", "y": "$lat"},
        "text": "摊位 $label @$device",
    },
    "id_path": "data.id",
}


@pytest.fixture(autouse=True)
def _on_both_databases(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_rig, "url_for", lambda folder: database_url)


class Answers:
    """Replies that the test sets."""

    def __init__(self) -> None:
        self.next: list[Reply] = []
        self.default: Reply = (200, json.dumps({"data": {"id": 7}}))

    def __call__(self, *_: object) -> Reply:
        return self.next.pop(0) if self.next else self.default


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def server(answers: Answers) -> Iterator[Server]:
    server = Server(answers)
    yield server
    server.close()


def embedded(url: str, **values: Any) -> TargetSettings:
    return TargetSettings(name="registry", kind="registry", url=url, **values)


def registry(server: Server, **values: Any) -> EmbeddedRegistry:
    return EmbeddedRegistry("registry", httpx.Client(base_url=server.url, trust_env=False), **values)


def webhook(server: Server, **values: Any) -> tuple[TargetSettings, Webhook]:
    settings = TargetSettings(**({"name": "hook", "url": server.url + "/in"} | HOOK | values))
    return settings, Webhook(settings, httpx.Client(trust_env=False))


def test_each_class_goes_to_the_target_that_names_it_and_the_rest_to_the_one_that_names_none(
    tmp_path: Path, server: Server
) -> None:
    settings, hook = webhook(server, classes=["litter", "04-06"], codes={})
    rig = Rig(tmp_path, embedded(server.url), settings)
    rig.commit(
        candidate(1),
        candidate(2, class_code="04-01"),
        candidate(3, case_class="litter", class_code="01-10"),
        candidate(4, case_class="bike", class_code="04-10"),
    )
    to_hook, to_registry = rig.forwarder(hook), rig.forwarder(registry(server))
    assert (to_hook.round(), to_registry.round()) == (2, 2)
    assert [row["target"] for row in rig.forwards()] == ["hook", "registry", "hook", "registry"]
    assert (to_hook.round(), to_registry.round()) == (0, 0)
    rig.close()


def test_a_webhook_gets_its_template_filled_its_own_codes_and_a_signature(tmp_path: Path, server: Server) -> None:
    settings, hook = webhook(server)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1, label='"},"admin":true,{"$key'))
    assert rig.forwarder(hook).round() == 1
    [(_, path, headers, body)] = server.log
    sent = json.loads(body)
    assert (path, sent["type"], sent["where"]) == ("/in", "1203", {"x": 117.2, "y": 34.201})
    assert sent["text"] == '摊位 "},"admin":true,{"$key @kiosk-1' and "admin" not in sent
    assert headers["Idempotency-Key"] == rig.forwards()[0]["key"]
    assert signing.genuine(SECRET, headers[signing.TIMESTAMP], headers[signing.SIGNATURE], body, time.time())
    assert not signing.genuine(SECRET, headers[signing.TIMESTAMP], headers[signing.SIGNATURE], body + b" ", time.time())
    assert (rig.incident()["state"], rig.incident()["case_id"]) == ("taken", "hook:7")
    rig.close()


def test_a_secret_header_is_sent_where_the_city_wants_one(tmp_path: Path, server: Server) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    settings, hook = webhook(server, auth="header", header="X-City-Key", secret="", secret_file=str(file))
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1))
    assert rig.forwarder(hook).round() == 1
    assert server.log[0][2]["X-City-Key"] == "from a file"
    rig.close()


def test_a_code_that_the_city_does_not_have_is_a_dead_letter_and_holds_nobody_up(
    tmp_path: Path, server: Server
) -> None:
    settings, hook = webhook(server)
    rig = Rig(tmp_path, settings)
    rig.commit(candidate(1, class_code="04-01"), candidate(2))
    assert rig.forwarder(hook).round() == 2
    assert [row["state"] for row in rig.forwards()] == ["refused", "done"]
    [letter] = rig.rows(sa.select(tables.dead_letters))
    assert "class code 04-01 is not in the target's `codes`" in letter["reason"]
    assert len(server.log) == 1
    rig.close()


def test_a_fault_of_the_target_is_tried_again_later_and_a_refusal_is_not(
    tmp_path: Path, server: Server, answers: Answers
) -> None:
    rig = Rig(tmp_path, embedded(server.url))
    rig.commit(candidate(1), candidate(2))
    answers.next = [(503, "later"), (422, "never")]
    forwarder = rig.forwarder(registry(server))
    assert forwarder.round() == 1
    assert [row["state"] for row in rig.forwards()] == ["pending", "refused"]
    assert forwarder.round() == 0
    rig.later(31.0)
    assert forwarder.round() == 1
    assert [row["state"] for row in rig.forwards()] == ["done", "refused"]
    assert len(server.log) == 3
    rig.close()


def test_while_nobody_answers_one_request_is_tried_and_then_none_until_the_breaker_lets_one_through(
    tmp_path: Path, server: Server
) -> None:
    rig = Rig(tmp_path, embedded("http://127.0.0.1:9"))
    rig.commit(*(candidate(n) for n in range(1, 6)))
    dead = httpx.Client(base_url="http://127.0.0.1:9", trust_env=False)
    forwarder = rig.forwarder(EmbeddedRegistry("registry", dead))
    assert (forwarder.round(), forwarder.state(), rig.counters["forward_down"]) == (0, "open", 1)
    assert (forwarder.round(), rig.counters["forward_down"]) == (0, 1)
    assert {row["attempts"] for row in rig.forwards()} == {0}
    forwarder.target = registry(server)
    rig.later(1.0)
    assert (forwarder.round(), forwarder.state()) == (1, "closed")
    assert forwarder.round() == 4
    rig.close()


def test_five_faults_in_a_row_open_the_breaker(tmp_path: Path, server: Server, answers: Answers) -> None:
    rig = Rig(tmp_path, embedded(server.url))
    rig.commit(*(candidate(n) for n in range(1, 8)))
    answers.default = (500, "broken")
    forwarder = rig.forwarder(registry(server))
    forwarder.round()
    assert forwarder.state() == "open"
    rig.close()


def test_within_an_incident_nothing_overtakes_and_other_incidents_go_on(
    tmp_path: Path, server: Server, answers: Answers
) -> None:
    rig = Rig(tmp_path, embedded(server.url))
    rig.commit(candidate(1), candidate(2))
    first = rig.incident(0)["incident_id"]
    with rig.database.write() as tx:
        from gateway import forward

        forward.put(tx, "op:1", first, "/cases/c/ops", {"op_id": "1"}, "2026-11-24T08:00:00.000000Z")
    answers.next = [(503, "later")]
    forwarder = rig.forwarder(registry(server))
    assert forwarder.round() == 1
    assert [row["state"] for row in rig.forwards()] == ["pending", "done", "pending"]
    rig.later(31.0)
    assert [forwarder.round(), forwarder.round()] == [1, 1]
    assert [path for _, path, _, _ in server.log] == ["/reports", "/reports", "/reports", "/cases/c/ops"]
    rig.close()


def test_a_target_that_wants_one_order_gets_it_even_over_a_fault(
    tmp_path: Path, server: Server, answers: Answers
) -> None:
    rig = Rig(tmp_path, embedded(server.url, order="all"))
    rig.commit(*(candidate(n) for n in (1, 2, 3)))
    answers.next = [(200, "{}"), (503, "later")]
    forwarder = rig.forwarder(registry(server, order="all"))
    assert (forwarder.round(), forwarder.round()) == (1, 0)
    rig.later(31.0)
    assert forwarder.round() == 2
    sent = [row["body"]["candidate_id"] for row in rig.forwards()]
    assert [body["candidate_id"] for body in server.bodies()] == [sent[0], sent[1], sent[1], sent[2]]
    rig.close()


def test_a_step_on_a_case_that_we_did_not_report_goes_to_the_embedded_registry(tmp_path: Path, server: Server) -> None:
    settings, hook = webhook(server, classes=[])
    rig = Rig(tmp_path, settings, embedded(server.url, classes=["poster"]))
    with rig.database.write() as tx:
        from gateway import forward

        forward.put(tx, "op:9", "citizen-1", "/cases/c/ops", {"op_id": "9"}, "2026-11-24T08:00:00.000000Z")
    assert (rig.forwarder(hook).round(), rig.forwarder(registry(server)).round()) == (0, 1)
    rig.close()


class Desk:
    """The gateway's webhook door with one target, over a report that was delivered as number 7."""

    def __init__(self, folder: Path, server: Server, **values: Any) -> None:
        states = {"done": "closed", "look": "check_requested", "seen": ""}
        self.settings, hook = webhook(server, states=states, **values)
        self.rig = Rig(folder, self.settings)
        self.hook = hook
        self.rig.commit(candidate(1))
        assert self.rig.forwarder(hook).round() == 1
        app = FastAPI()
        rig = self.rig
        hooks.add_hooks(app, rig.database, [self.settings], rig.counters, lambda: rig.now, rig.news.set, lambda: 1e9)
        self.http = TestClient(app)

    def tell(self, state: str, name: str = "hook", secret: str = SECRET, at_s: float = 1e9, **values: Any) -> Any:
        """A signed call."""
        body = json.dumps({"id": "7", "state": state} | values).encode()
        stamp = str(int(at_s))
        headers = {signing.TIMESTAMP: stamp, signing.SIGNATURE: signing.sign(secret, stamp, body)}
        return self.http.post(f"/hooks/{name}", content=body, headers=headers)

    def close(self) -> None:
        self.http.close()
        self.rig.close()


@pytest.fixture
def desk(tmp_path: Path, server: Server) -> Iterator[Desk]:
    desk = Desk(tmp_path, server, verdict={"check": "$check_id", "result": "$verdict"})
    yield desk
    desk.close()


def test_a_state_comes_back_by_webhook_and_moves_the_incident_once(desk: Desk) -> None:
    assert desk.tell("done", reason="swept").json() == {"changed": True}
    assert desk.tell("done", reason="swept").json() == {"changed": False}
    events = desk.rig.rows(sa.select(tables.registry_events).order_by(tables.registry_events.c.n))
    assert [(e["kind"], e["case_id"], e["data"]["actor"]) for e in events] == [
        ("taken", "hook:7", "hook"),
        ("closed", "hook:7", "hook"),
    ]
    assert (desk.rig.incident()["state"], desk.rig.incident()["open"]) == ("closed", False)
    assert desk.rig.news.is_set()


def test_a_state_that_changes_nothing_is_kept_and_moves_nothing(desk: Desk) -> None:
    assert desk.tell("seen").json() == {"changed": True}
    assert desk.tell("not in the table").is_success
    assert desk.rig.incident()["state"] == "taken"


def test_another_system_may_ask_the_camera_to_look_again_and_gets_the_verdict(desk: Desk, server: Server) -> None:
    desk.tell("look")
    [asked] = desk.rig.rows(sa.select(tables.verifies))
    verify = Verify(
        verify_id=asked["verify_id"],
        incident_id=asked["incident_id"],
        camera="cam-1",
        place_id="p",
        case_class="stall",
        label="stall",
        box=(0, 0, 1, 1),
        frame_width=2,
        frame_height=2,
    )
    desk.rig.commit(msgspec.structs.replace(verdict(verify, "cleared"), seq=50))
    forwarder = desk.rig.forwarder(desk.hook)
    assert forwarder.round() == 1
    assert server.bodies()[-1] == {"check": asked["verify_id"], "result": "cleared"}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"secret": "guessed"}, 403),
        ({"at_s": 1e9 - 301}, 403),
        ({"name": "nobody"}, 403),
        ({"id": "8"}, 404),
        ({"id": 7}, 400),
        ({"reason": "x" * 20_000}, 413),
    ],
)
def test_a_call_that_is_not_the_targets_own_or_not_a_state_is_refused_and_counted(
    values: dict[str, Any], status: int, desk: Desk
) -> None:
    assert desk.tell("done", **values).status_code == status
    assert desk.rig.incident()["state"] == "taken"
    assert desk.rig.counters["hooks_refused" if status != 404 else "hooks_taken"] == (1 if status != 404 else 0)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([{"name": "a"}, {"name": "a", "classes": ["bike"]}], "'a' stands twice"),
        ([{"name": "a"}, {"name": "b"}], "exactly one must have no `classes`"),
        ([{"name": "a", "classes": ["bike"]}], "exactly one must have no `classes`"),
        ([{"name": "a"}, {"name": "b", "classes": ["x"]}, {"name": "c", "classes": ["x"]}], "'x' goes to two targets"),
        ([{"name": "a", "url": "ftp://x"}], "is not http"),
        ([{"name": "a", "report": {}}], "needs [targets.report]"),
        ([{"name": "a", "secret": ""}], "needs `secret_file`"),
        ([{"name": "a", "secret_file": "/nowhere/secret"}], "/nowhere/secret: No such file"),
        ([{"name": "a", "kind": "registry"}, {"name": "b", "kind": "registry", "classes": ["x"]}], "two of kind"),
    ],
)
def test_targets_that_cannot_work_are_refused_in_one_line(targets: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(SettingsError, match=r".") as raised:
        check([TargetSettings(**({"url": "http://x"} | HOOK | values)) for values in targets])
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_the_examples_commented_out_in_the_settings_are_valid(tmp_path: Path) -> None:
    lines = (REPOSITORY / "configs" / "gateway.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# [[targets]]")
    (tmp_path / "gateway.toml").write_text("\n".join(line.removeprefix("#").lstrip() for line in lines[start:]))
    targets = load(tmp_path / "gateway.toml", GatewaySettings).targets
    assert [t.kind for t in targets] == ["registry", "open311", "webhook"]
    known = [msgspec.structs.replace(t, secret="s", secret_file="") for t in targets]
    assert check(known) == known


def test_a_template_keeps_types_and_leaves_unknown_names_alone() -> None:
    filled = fill({"a": "$n", "b": ["$n and $$", "$other"], "c": 3}, {"n": 1.5})
    assert filled == {"a": 1.5, "b": ["1.5 and $", "$other"], "c": 3}
    assert [dug({"a": [{"b": 5}]}, path) for path in ("a.0.b", "a.1.b", "a", "a.0.b.c")] == ["5", "", "", ""]
