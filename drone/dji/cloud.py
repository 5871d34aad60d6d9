"""All docks together: messages in, replies and commands out, nothing else. Pure; clocks are passed in.

Who may say what: a message counts for the dock in its topic, and only where the envelope names no other; an aircraft's
telemetry counts where the envelope names the dock that it lives in; all else is refused, counted, and told once. That
the topic is the sender's own is the broker's to hold (`acl`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drone.dji import events, fields, osd
from drone.dji.dock import Dock
from drone.dji.messages import BadMessage, Channel, Envelope, Out, body, down, pack, read, shown, split_topic
from drone.dji.requests import Asked, answer
from drone.dji.settings import Settings

TOLD_MAX = 1000
NOTICES_MAX = 1000
TOPOLOGY_REFUSED = 1


@dataclass(frozen=True)
class Notice:
    """A line for people, with the dock it is about."""

    sn: str
    text: str


class Cloud:
    """Feed it `receive` and `tick`, publish what `take` gives. bound: who is bound, under which name; changed: state
    worth storing has changed; counts: what was refused, by why."""

    def __init__(self, settings: Settings, new_id: Callable[[], str], bound: dict[str, str] | None = None) -> None:
        self.settings = settings
        self.bound: dict[str, str] = bound if bound is not None else {}
        self.counts: Counter[str] = Counter()
        self.notices: deque[Notice] = deque(maxlen=NOTICES_MAX)
        self.docks = {entry.sn: Dock(entry, self.say, new_id) for entry in settings.docks}
        self.changed = False
        self._listed = {sn for entry in settings.docks for sn in (entry.sn, *entry.aircraft)}
        self._out: list[Out] = []
        self._told: set[str] = set()

    def say(self, sn: str, text: str) -> None:
        """Keep a line for people; tasks have changed when something is said."""
        self.notices.append(Notice(sn, text))
        self.changed = True

    def receive(self, topic: str, payload: bytes, now_s: float, unix_ms: int) -> None:
        """One message from the broker. Never raises: what is wrong with it is counted and told."""
        try:
            sn, channel = split_topic(topic)
            envelope = read(topic, payload)
            dock = self._owner(sn, channel, envelope)
            dock.heard_s = dock.now_s = now_s
            self._handle(dock, sn, channel, envelope, unix_ms)
        except BadMessage as error:
            self.counts["bad"] += 1
            self._tell_once("", str(error))

    def tick(self, now_s: float, unix_ms: int) -> None:
        """Resend, give up, notice silence."""
        for dock in self.docks.values():
            dock.now_s = now_s
            self.changed = dock.watch(now_s) or self.changed
            self._out += dock.calls.tick(now_s, unix_ms)

    def take(self) -> list[Out]:
        """What is to be published now."""
        out, self._out = self._out, []
        return out

    def _owner(self, sn: str, channel: Channel, envelope: Envelope) -> Dock:
        """The dock that a message is of. Raises BadMessage when it may not say that."""
        properties = channel in (Channel.OSD, Channel.STATE)
        owner = next((dock for dock in self.docks.values() if sn in (dock.own if properties else (dock.sn,))), None)
        if owner is None:
            raise BadMessage(f"{sn}: not in the settings, or no dock; add it under [[docks]] if it is yours")
        if sn != owner.sn and not envelope.gateway:
            raise BadMessage(f"{sn}: telemetry of an aircraft without its dock's number (gateway); dropped")
        if envelope.gateway not in ("", owner.sn):
            raise BadMessage(
                f"{sn}: a message in the name of {shown(envelope.gateway)}; dropped, check the access rules"
            )
        return owner

    def _handle(self, dock: Dock, sn: str, channel: Channel, envelope: Envelope, unix_ms: int) -> None:
        match channel:
            case Channel.OSD | Channel.STATE:
                self._properties(dock, sn, channel, envelope)
            case Channel.SERVICES_REPLY:
                told = body(envelope, fields.Reply, sn)
                status = told.output.status if told.output else ""
                dock.calls.answered(envelope.tid, envelope.method, told.result, envelope.timestamp, status)
                self.changed = True
            case Channel.REQUESTS:
                self._reply(dock, "requests_reply", envelope, unix_ms, self._request)
            case Channel.STATUS:
                self._reply(dock, "status_reply", envelope, unix_ms, self._status)
            case Channel.EVENTS:
                self._reply(dock, "events_reply", envelope, unix_ms, self._event, envelope.need_reply == 1)

    def _properties(self, dock: Dock, sn: str, channel: Channel, envelope: Envelope) -> None:
        if sn == dock.sn:
            dock.osd_news(channel.value, body(envelope, osd.DockOsd, sn), envelope.timestamp)
        elif channel is Channel.OSD:
            told, sample = osd.aircraft(envelope, sn)
            dock.aircraft[sn].heard(told, sample)

    def _reply(
        self,
        dock: Dock,
        channel: str,
        envelope: Envelope,
        unix_ms: int,
        handle: Callable[[Dock, Envelope], dict[str, Any]],
        wanted: bool = True,
    ) -> None:
        """Handle a message once, answer it as often as it comes: docks resend with the same tid."""
        key = (channel, envelope.method, envelope.tid)
        known = dock.replies.get(key) if envelope.tid else None
        if known is None:
            try:
                data = handle(dock, envelope)
            except BadMessage as error:  # an answer all the same, or it comes for ever
                self.counts["bad"] += 1
                self._tell_once(dock.sn, str(error))
                data = {"result": 1}
            if envelope.tid:
                dock.remember(key, data)
        else:
            self.counts["again"] += 1
            data = known
        if wanted:
            payload = pack(envelope.tid, envelope.bid, envelope.method, data, unix_ms, dock.sn)
            self._out.append(Out(down(dock.sn, channel), payload))

    def _request(self, dock: Dock, envelope: Envelope) -> dict[str, Any]:
        asked = Asked(self.settings, dock.entry, dock.own, self.bound, dock.resources)
        before = dict(self.bound)
        data = answer(asked, envelope)
        if envelope.method == "config":
            dock.anew(dock.now_s, envelope.timestamp)
        for sn in self.bound.keys() - before.keys():
            self.say(dock.sn, f"已绑定 bound: {sn}")
        for note in asked.notes:
            self.counts["refused"] += 1
            self._tell_once(dock.sn, f"{dock.sn}: {note}")
        self.changed = self.changed or before != self.bound
        return data

    def _status(self, dock: Dock, envelope: Envelope) -> dict[str, Any]:
        told = body(envelope, fields.Topology, dock.sn)
        for device in told.sub_devices:
            if device.sn not in dock.own and (dock.entry.aircraft or self._is_listed(device.sn)):
                raise BadMessage(
                    f"{dock.sn}: claims aircraft {device.sn}, which is not its own; add it to its aircraft"
                )
        dock.topology((told.type, told.sub_type), told.sub_devices)
        return {"result": 0}

    def _event(self, dock: Dock, envelope: Envelope) -> dict[str, Any]:
        handle = events.EVENTS.get(envelope.method)
        if handle is None:
            self.counts[f"event {shown(envelope.method)[:40]}" if len(self.counts) < 100 else "event other"] += 1
        else:
            handle(dock, envelope, self.say)
            self.changed = True
        return {"result": 0}

    def _is_listed(self, sn: str) -> bool:
        return sn in self._listed or any(sn in dock.own for dock in self.docks.values())

    def _tell_once(self, sn: str, text: str) -> None:
        if text not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(text)
            self.notices.append(Notice(sn, text))
