"""Who is at a page: the session behind it, asked again at every step, and the language that was chosen."""

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from nicegui import run, ui

from gateway.people.access import Rule
from gateway.people.api import COOKIE, Door
from gateway.people.gate import allowed
from gateway.people.places import CITY
from gateway.people.sessions import Session
from gateway.people.settings import PERMISSIONS
from gateway.sight import Sight

Language = Literal["zh", "en"]
LANGUAGE_COOKIE = "zm_lang"
NAME_CHARS_MAX = 128


class NotAllowed(RuntimeError):
    """The session is over, or its role or place does not allow it; `str()` is for the page."""


@dataclass
class Visit:
    """One open page. `demo`: nobody signs in (loopback alone), everything is allowed, and people say who they are."""

    door: Door
    sight: Sight
    token: str
    language: Language
    demo: bool
    name: str = ""

    @classmethod
    def of(cls, door: Door, sight: Sight, request: Request) -> "Visit":
        """Of a page that is asked for."""
        told = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
        language: Language = "en" if told == "en" else "zh"
        token = request.cookies.get(COOKIE, "")
        session = door.people.session(token) if door.required and token else None
        return cls(door, sight, token, language, not door.required, session.name if session else "")

    def t(self, chinese: str, english: str) -> str:
        """In the language of the page."""
        return english if self.language == "en" else chinese

    def session(self, by_hand: bool = True) -> Session | None:
        """Who is signed in still; None in the demo too."""
        return self.door.people.session(self.token, by_hand) if not self.demo else None

    async def alive(self) -> bool:
        """Asked at every refresh: whether the page may go on showing things. Leads to /login when it may not."""
        if self.demo or await run.io_bound(self.session, False) is not None:
            return True
        ui.navigate.to("/login")
        return False

    def passes(self, rule: Rule) -> bool:
        """Whether a door is open to whoever is here."""
        if self.demo:
            return True
        session = self.session(by_hand=False)
        return session is not None and allowed(rule, session)

    def places(self, permission: str) -> tuple[str, ...]:
        """Where a permission holds; nowhere when the session is over."""
        if self.demo:
            return (CITY,)
        session = self.session(by_hand=False)
        return session.places(permission) if session is not None else ()

    def permissions_at(self, lat: float, lon: float, class_code: str) -> frozenset[str]:
        """What whoever is here may do with a thing at this place."""
        return frozenset(name for name in PERMISSIONS if self.sight.sees(self.places(name), lat, lon, class_code))

    def need(self, permission: str, thing: dict[str, Any]) -> str:
        """The person's name, when they may do this to a thing (`lat`, `lon`, `class_code`) now. Raises NotAllowed."""
        if self.demo:
            if not (name := self.name.strip()):
                raise NotAllowed("请先填写姓名 first write your name")
            return name
        session = self.session()
        if session is None:
            raise NotAllowed("登录已失效，请重新登录 you are signed out: sign in anew")
        if not self.sight.sees(session.places(permission), thing["lat"], thing["lon"], thing["class_code"]):
            raise NotAllowed(f"无权操作 not for your role in this place: {permission}")
        return session.name

    def need_whole(self, permission: str) -> str:
        """The person's name, when they may do this in the whole city now. Raises NotAllowed."""
        if self.demo:
            return self.name.strip() or "demo"
        session = self.session()
        if session is None:
            raise NotAllowed("登录已失效，请重新登录 you are signed out: sign in anew")
        if CITY not in session.places(permission):
            raise NotAllowed(f"无权操作 not for your role: {permission}")
        return session.name

    def tell(self, action: str, subject: str, reason: str = "") -> None:
        """Into the audit log; the demo keeps none."""
        session = self.session(by_hand=False)
        if session is not None:
            self.door.people.tell(session, action, subject, reason)
