"""What all pages of the desk share: header, ways to the other pages, language, who is here."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import run, ui

from gateway.console.panels import text
from gateway.console.visit import NAME_CHARS_MAX, Visit
from gateway.people.access import rule_of

STATIC_URL = "/zhuomu-static"
TITLE = "啄木 zhuomu"
WAYS: tuple[tuple[str, str, str], ...] = (
    ("/", "总览", "Overview"),
    ("/review", "审核", "Review"),
    ("/cases", "案件", "Cases"),
    ("/map", "地图", "Map"),
    ("/fleet", "设备", "Fleet"),
    ("/evaluation", "评价", "Evaluation"),
    ("/rules", "标准", "Standard"),
    ("/wall", "视频墙", "Wall"),
    ("/drones", "无人机", "Drones"),
    ("/whatif", "试算", "What if"),
    ("/rollouts", "下发", "Rollouts"),
    ("/audit", "审计", "Audit"),
)


def open_ways(visit: Visit) -> list[tuple[str, str, str]]:
    """The pages that whoever is here may open."""
    return [way for way in WAYS if (rule := rule_of("GET", way[0])) is not None and visit.passes(rule)]


def add_head() -> None:
    """Style sheets and the script that keeps the language; ours alone."""
    for name in ("console.css", "desk.css"):
        ui.add_head_html(f'<link rel="stylesheet" href="{STATIC_URL}/{name}">')
    ui.add_head_html(f'<script src="{STATIC_URL}/desk.js"></script>')
    ui.colors(primary="#0f766e")


@contextmanager
def page(visit: Visit, path: str) -> Iterator[None]:
    """A page's frame; its body is built inside."""
    add_head()
    with ui.element("div").classes("zm-page"):
        header(visit, path)
        with ui.element("main").classes("zm-desk-page"):
            yield


def header(visit: Visit, path: str) -> None:
    """The bar at the top."""
    with ui.element("header").classes("zm-header zm-bar"):
        ui.element("img").props(f'src="{STATIC_URL}/favicon.svg" alt=""').classes("zm-logo")
        text(TITLE, "zm-title")
        with ui.element("nav").classes("zm-ways").props(f'aria-label="{visit.t("页面", "pages")}"'):
            for target, chinese, english in open_ways(visit):
                link = ui.link(visit.t(chinese, english), target).classes("zm-way")
                if target == path:
                    link.classes("zm-here").props("aria-current=page")
        with ui.element("div").classes("zm-who"):
            _who(visit)
            other, word = ("zh", "中文") if visit.language == "en" else ("en", "English")
            ui.link(word, f"?lang={other}").classes("zm-way zm-lang")
    if visit.demo:
        words = visit.t(
            "演示模式：无需登录，任何人都可操作，不留审计记录。正式使用请设置 [people] required = true",
            "Demo: nobody signs in, everything is allowed, nothing is audited. For real use: [people] required = true",
        )
        text(words, "zm-demo").props("role=note")


def _who(visit: Visit) -> None:
    if visit.demo:
        label = visit.t("姓名", "your name")
        said = ui.input(label).props(f"dense outlined dark maxlength={NAME_CHARS_MAX}").classes("zm-name")
        said.bind_value(visit, "name").mark("desk-name")
        return

    async def leave() -> None:
        await run.io_bound(visit.door.people.sign_out, visit.token)
        ui.navigate.to("/login")

    text(visit.name, "zm-person")
    ui.button(visit.t("退出", "Sign out"), on_click=leave).props("dense flat no-caps color=white")
