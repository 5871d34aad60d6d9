"""All pages of the desk, mounted on the gateway's own port; every asset is local."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import ui

from gateway.console import (
    audit,
    case,
    cases,
    dashboard,
    drones,
    evaluation,
    fleet,
    login,
    map_page,
    review,
    rollouts,
    rules,
    shell,
    wall,
    whatif,
)
from gateway.console.office import Office
from gateway.console.snapshot import Snapshots
from gateway.console.trusted import Trusted
from gateway.decide import Decider
from gateway.people.api import Door
from gateway.registry_desk import RegistryDesk
from gateway.sight import Sight
from gateway.times import utc_now

if TYPE_CHECKING:
    from gateway.service import Gateway

STATIC = Path(__file__).parent.parent / "static"


def add_pages(app: FastAPI, gateway: "Gateway", door: Door, sight: Sight) -> None:
    """Call it after all other routes: it takes every path that is left."""
    registry = RegistryDesk(gateway.registry)
    office = Office(
        gateway.database,
        gateway.counters,
        gateway.is_up,
        Decider(gateway.registry),
        registry,
        Trusted(registry, time.monotonic),
        gateway.shutter,
        door,
        sight,
        utc_now,
        gateway.asker,
        gateway.missions,
        gateway.sender.wake.set,
    )
    snapshots = Snapshots(gateway.database, gateway.counters)
    login.add_login(app, office)
    nicegui_app.add_static_files(shell.STATIC_URL, STATIC)

    @ui.page("/", title=shell.TITLE)
    async def home(request: Request) -> None:
        await dashboard.show(office, snapshots, office.visit(request))

    _add_desk(office)
    logging.getLogger("nicegui").setLevel(logging.WARNING)
    ui.run_with(app, title=shell.TITLE, favicon=STATIC / "favicon.svg", show_welcome_message=False, tailwind=False)


def _add_desk(office: Office) -> None:
    @ui.page("/case/{case_id}", title=shell.TITLE)
    async def one(request: Request, case_id: str) -> None:
        await case.show(office, office.visit(request), case_id[:64])

    @ui.page("/cases", title=shell.TITLE)
    async def listed(request: Request, state: str = "") -> None:
        await cases.show(office, office.visit(request), state[:32])

    @ui.page("/review", title=shell.TITLE)
    async def queue(request: Request) -> None:
        await review.show(office, office.visit(request))

    @ui.page("/map", title=shell.TITLE)
    async def on_map(request: Request) -> None:
        await map_page.show(office, office.visit(request))

    @ui.page("/fleet", title=shell.TITLE)
    async def devices(request: Request) -> None:
        await fleet.show(office, office.visit(request))

    @ui.page("/evaluation", title=shell.TITLE)
    async def figures(request: Request) -> None:
        await evaluation.show(office, office.visit(request))

    @ui.page("/rules", title=shell.TITLE)
    async def standing(request: Request) -> None:
        await rules.show(office, office.visit(request))

    @ui.page("/wall", title=shell.TITLE)
    async def watched(request: Request) -> None:
        await wall.show(office, office.visit(request))

    @ui.page("/drones", title=shell.TITLE)
    async def flown(request: Request) -> None:
        await drones.show(office, office.visit(request))

    @ui.page("/whatif", title=shell.TITLE)
    async def tried(request: Request) -> None:
        await whatif.show(office, office.visit(request))

    @ui.page("/rollouts", title=shell.TITLE)
    async def rolled(request: Request) -> None:
        await rollouts.show(office, office.visit(request))

    @ui.page("/audit", title=shell.TITLE)
    async def log(request: Request) -> None:
        await audit.show(office, office.visit(request))
