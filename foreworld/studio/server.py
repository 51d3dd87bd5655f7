"""The web side of the studio: the page, what there is to play, and one socket for each client.

app = make_app(engine, Door(), Limits(), fps=24)
uvicorn.run(app, ...)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from foreworld.studio.connection import UNAUTHORIZED, Connection
from foreworld.studio.engine import Engine
from foreworld.studio.limits import Door, Limits
from foreworld.studio.portrait import portrait
from foreworld.studio.protocol import Refusal
from foreworld.studio.stage import Offer
from foreworld.studio.studio import Studio

VERSION = version("foreworld")
PAGE = Path(__file__).parent / "page"
POLICY = "default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws: wss:"


class WorldInfo(BaseModel):
    name: str
    title: str
    env: str | None
    family: str
    source: str
    about: str
    light: str | None
    horizon: int | None
    picture: str | None = None


class RunInfo(BaseModel):
    name: str
    path: str
    family: str
    env: str | None
    report: str | None
    trust: str | None


class SessionInfo(BaseModel):
    session: str
    world: str
    frame: int
    branches: int
    connected: bool
    created: float
    used: float


class TreeInfo(BaseModel):
    t: str
    branches: list[dict[str, Any]]
    branch: int
    node: int
    observed: list[int]


class RecordingInfo(BaseModel):
    path: str
    source: str
    world: str
    episodes: int
    steps: int


class StatusInfo(BaseModel):
    sessions: int
    connections: int
    fps: float
    late: int
    version: str


def make_app(engine: Engine, door: Door, limits: Limits, fps: float) -> FastAPI:
    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        studio = app.state.studio = Studio(engine, door, limits, fps)
        await studio.start()
        yield
        await studio.stop()

    app = FastAPI(title="Foreworld studio", version=VERSION, lifespan=living)
    app.state.door = door
    app.middleware("http")(_guard)
    _add_lists(app)
    _add_files(app)
    app.websocket("/ws")(_play)
    if PAGE.is_dir():
        app.mount("/static", StaticFiles(directory=PAGE), name="static")
    return app


async def _guard(request: Request, go_on: Any) -> Response:
    """Only for who is meant; what the page is made of, for everybody who may come here at all."""
    door: Door = request.app.state.door
    if not door.is_own(request.headers):
        return JSONResponse({"detail": "this server does not answer for that host"}, 403)
    path = request.url.path
    public = path == "/" or path.startswith("/static/")
    if not public and not door.knows(request.query_params.get("token"), request.headers):
        return JSONResponse({"detail": "the token is missing or wrong: open the printed URL"}, 401)
    answer = await go_on(request)
    if path == "/":  # reports bring their own scripts; the page asks nobody but this server
        answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Cache-Control"] = "no-cache"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"  # a token in the address stays here
    return answer


def _studio(request: Request) -> Studio:
    return request.app.state.studio


Here = Annotated[Studio, Depends(_studio)]


def _add_lists(app: FastAPI) -> None:
    @app.get("/api/worlds")
    async def worlds(studio: Here) -> list[WorldInfo]:
        offers = studio.engine.theatre.offers.values()
        return [_world(offer) for offer in offers]

    @app.get("/api/runs")
    async def runs(studio: Here) -> list[RunInfo]:
        return [
            RunInfo(
                name=o.name,
                path=str(o.path),
                family=o.family,
                env=o.env,
                report=_link(o.path / "report.html", f"/api/runs/{o.name}/report"),
                trust=_link(o.path / "trust" / "report.html", f"/api/runs/{o.name}/trust"),
            )
            for o in studio.engine.theatre.offers.values()
        ]

    @app.get("/api/sessions")
    async def sessions(studio: Here) -> list[SessionInfo]:
        known = await studio.call(studio.engine.database.sessions)
        return [SessionInfo(connected=s["session"] in studio.players, **s) for s in known]

    @app.get("/api/sessions/{session}/tree")
    async def tree(session: str, studio: Here) -> TreeInfo:
        return TreeInfo(**await studio.call(_tree, studio, session))

    @app.get("/api/recordings")
    async def recordings(studio: Here) -> list[RecordingInfo]:
        known = await studio.call(studio.engine.database.recordings)
        return [RecordingInfo(**r) for r in known]

    @app.get("/api/status")
    async def status(studio: Here) -> StatusInfo:
        return StatusInfo(
            sessions=len(studio.players),
            connections=len(studio.connections),
            fps=studio.fps,
            late=studio.late,
            version=VERSION,
        )


def _world(offer: Offer) -> WorldInfo:
    info = WorldInfo.model_validate(offer, from_attributes=True)
    if portrait(offer) is None:
        return info
    return info.model_copy(update={"picture": f"/api/runs/{offer.name}/picture"})


def _add_files(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return _file(PAGE / "index.html")

    @app.get("/api/runs/{name}/report")
    async def report(name: str, studio: Here) -> FileResponse:
        return _file(_run(studio, name) / "report.html")

    @app.get("/api/runs/{name}/picture", response_class=Response)
    def picture(name: str, studio: Here) -> Response:
        _run(studio, name)
        data = portrait(studio.engine.theatre.offers[name])
        if data is None:
            raise HTTPException(404, f"{name} has no picture: no picture.png, no episodes")
        return Response(data, media_type="image/png")

    @app.get("/api/runs/{name}/trust")
    async def trust_page(name: str, studio: Here) -> FileResponse:
        return _file(_run(studio, name) / "trust" / "report.html")

    @app.get("/api/trust/{world}")
    async def trust(world: str, studio: Here) -> FileResponse:
        return _file(_run(studio, world) / "trust" / "report.json")

    @app.get("/api/snapshots/{hash}", response_class=Response)
    async def snapshot(hash: str, studio: Here) -> Response:
        data = await studio.call(studio.engine.database.snapshot, hash)
        if data is None:
            raise HTTPException(404, f"there is no snapshot {hash}")
        name = {"Content-Disposition": f'attachment; filename="{hash}.safetensors"'}
        return Response(data, media_type="application/octet-stream", headers=name)


async def _play(socket: WebSocket) -> None:
    studio: Studio = socket.app.state.studio
    await socket.accept()
    connection = Connection(studio, socket)
    if not studio.door.is_own(socket.headers):
        problem = Refusal("unauthorized", "this server does not answer for that host or page")
        await connection.close(UNAUTHORIZED, problem)
        return
    if len(studio.connections) >= studio.limits.connections:
        problem = Refusal("full", f"{studio.limits.connections} connections are open", "come later")
        await connection.close(1013, problem)
        return
    studio.connections.add(connection)
    try:
        await connection.run()
    finally:
        studio.connections.discard(connection)


def _tree(studio: Studio, session: str) -> dict[str, Any]:
    from foreworld.studio.welcome import tree_json

    player = studio.players.get(session)
    if player is None:
        try:
            player = studio.engine.resume(session, raw=False)
        except Refusal as refusal:
            raise HTTPException(404, refusal.msg) from None
        player.detach()
    return tree_json(player)


def _run(studio: Studio, name: str) -> Path:
    offer = studio.engine.theatre.offers.get(name)
    if offer is None:
        raise HTTPException(404, f"no world {name!r}")
    return offer.path


def _file(path: Path) -> FileResponse:
    if not path.is_file():
        raise HTTPException(404, f"there is no {path.name} here")
    return FileResponse(path)


def _link(path: Path, url: str) -> str | None:
    return url if path.is_file() else None
