"""One handset for one command of a person's: opened, worked on, brought out when there is a line."""

import os
import random
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from edge.handset.book import BookUnusable
from edge.handset.handset import Handset
from edge.handset.loop import Loop
from edge.link import Broker
from edge.wire import OpKind, Point, WireError

WAIT_S = 10.0
Device = Annotated[str, typer.Option(envvar="ZHUOMU_HANDSET", help="This handset's name. 本机编号")]
Data = Annotated[Path, typer.Option(envvar="ZHUOMU_HANDSET_DATA", help="Folder of its own files. 数据目录")]
Host = Annotated[str, typer.Option(envvar="ZHUOMU_BROKER", help="MQTT broker. 消息服务器")]
Port = Annotated[int, typer.Option(envvar="ZHUOMU_BROKER_PORT", min=1, max=65535, help="MQTT port.")]
Photos = Annotated[list[Path] | None, typer.Option(help="JPEG or PNG, up to 40 MiB; may be given several times. 照片")]
Lat = Annotated[float | None, typer.Option(min=-90, max=90, help="Where you are (WGS-84). 纬度")]
Lon = Annotated[float | None, typer.Option(min=-180, max=180, help="经度")]
Reason = Annotated[str, typer.Option(help="Why. 原因")]
OrderId = Annotated[str, typer.Argument(help="Work order. 工单")]

DATA = Path("zhuomu-data/handset")
out = Console()


class Phone:
    """What every command is given: one handset and the way to the centre."""

    def __init__(self, device: str, data: Path, host: str, port: int) -> None:
        # The gateway's address, where this handset may use HTTP: bulk pages, and photos above 256 KiB by tus.
        self.http = os.environ.get("ZHUOMU_HANDSET_HTTP", "")
        bulk, broker = bool(self.http), Broker(host, port)
        try:
            self.handset = Handset(data, device, broker, random.Random(), "zhuomu terminal", 0.0, bulk=bulk)
        except BookUnusable as error:
            fail(str(error))

    def sync(self, wait_s: float) -> bool:
        """Bring out what waits and fetch what is new; False when the centre did not answer in time."""
        loop = Loop([self.handset], self.http)
        end_s = time.monotonic() + wait_s

        def done() -> bool:
            session, book = self.handset.session, self.handset.book
            waiting = book.number("select count(*) from ops") + book.number(
                "select count(*) from photos where done = 0"
            )
            return self.handset.replica.wiped or (session.current and not waiting)

        loop.run(lambda: done() or time.monotonic() >= end_s)
        ok = done()
        loop.run(lambda: not self.handset.line.wants_write or time.monotonic() >= end_s + 1.0)
        loop.close()
        return ok

    def work(self, kind: OpKind, order_id: str, note: str, wait_s: float, hours: float | None, **more: object) -> None:
        """One operation: kept here at once, brought out when there is a line."""
        photos = [(read_photo(path), more.get("which", "after")) for path in more.get("photos") or ()]  # type: ignore[attr-defined]
        points = _here(more.get("lat"), more.get("lon"))
        for point in points:
            self.handset.replica.locate(point, str(uuid.uuid4()))
        if kind == "shift_off" and not self.handset.replica.wiped:
            self.handset.replica.send_track(datetime.now(UTC), str(uuid.uuid4()))
        try:
            self.handset.replica.do(
                kind,
                datetime.now(UTC),
                str(uuid.uuid4()),
                order_id,
                note,
                hours=hours,
                points=points,
                photos=photos,  # type: ignore[arg-type]
            )
        except WireError as error:
            fail(f"{error} (code {int(error.code)})")
        out.print(f"已记录 recorded: {kind} {order_id}")
        self.bring_out(wait_s)

    def bring_out(self, wait_s: float) -> None:
        """Say plainly whether it got through."""
        if self.sync(wait_s):
            out.print("已同步 in step with the centre")
        else:
            out.print(
                "[yellow]离线：已保存，联网后自动上报 offline: it is kept here and goes out with the next sync[/]"
            )


def fail(text: str) -> NoReturn:
    """One line on stderr, exit status 2."""
    sys.stderr.write(f"error: {text}\n")
    raise typer.Exit(2)


def standing(phone: Phone) -> None:
    """Where this handset stands, in one line."""
    replica = phone.handset.replica
    if replica.wiped:
        out.print("[red]本机已注销并清空 this handset was revoked and emptied[/]")
        return
    waiting = f"待上报 waiting: {len(replica.pending())} 照片 photos: {len(replica.photos_waiting())}"
    out.print(f"待办 open: {len(replica.orders())}  {waiting}  未接受 shelf: {len(replica.shelf())}")


def read_photo(path: Path) -> bytes:
    """A photo's bytes; ends with one line when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        fail(f"{path}: cannot be read ({error.strerror}); choose another file")


def _here(lat: object, lon: object) -> list[Point]:
    if isinstance(lat, float) and isinstance(lon, float):
        return [Point(at=datetime.now(UTC), lat=lat, lon=lon)]
    return []
