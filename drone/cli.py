"""`zhuomu drone`: patrols from the air. Each command imports its room when it is called."""

import typer

from drone.dock_cli import app as dock
from drone.fly_cli import fly
from drone.plan_cli import plan, resume
from drone.see_cli import replay, track
from drone.seen_cli import seen

app = typer.Typer(no_args_is_help=True, help="Patrols from the air: plan, fly, see. 无人机巡查。")
for command in (plan, resume, fly, track, replay, seen):
    app.command()(command)
app.add_typer(dock, name="dock")
