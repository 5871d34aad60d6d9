"""A mission's file over HTTP, for the drones' page."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from gateway.missions import BYTES_MAX, Missions, NotMission
from gateway.people.api import Door
from gateway.tries import body_of


def add_missions(app: FastAPI, missions: Missions, door: Door) -> None:
    """Mount POST `/api/missions/<file name>`."""

    @app.post("/api/missions/{name}")
    async def take(name: str, request: Request) -> Response:
        session = await run_in_threadpool(door.need, request, "flight.start") if door.required else None
        body = await body_of(request, BYTES_MAX)
        if body is None:
            raise HTTPException(413, f"文件过大 over {BYTES_MAX} bytes")
        try:
            await run_in_threadpool(missions.add, name, body)
        except NotMission as error:
            raise HTTPException(422, str(error)) from error
        if session is not None:
            await run_in_threadpool(door.people.tell, session, "mission.imported", name, "")
        return Response(status_code=201)
