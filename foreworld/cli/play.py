"""Opens a learned world in a browser: step into it, fork it, compare it with the truth.

foreworld play runs/demo
foreworld play                       # the worlds that come with Foreworld

It listens on this machine only; --host lets others in, with a token that it prints. Sessions,
snapshots and recordings are kept in RUN/studio, and go on where they stood when it is started anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

if TYPE_CHECKING:
    from foreworld.studio.limits import Door


@dataclass(frozen=True)
class Args:
    runs: Positional[tuple[Path, ...]] = ()  # directories of trained runs; none: the gallery
    host: str = "127.0.0.1"  # address to listen on; 0.0.0.0: let other machines in
    port: int = 8765  # 0: any that is free
    token: str | None = None  # what others have to know; default with --host: drawn and printed
    fps: float = 25.0  # steps a second
    no_browser: bool = False  # only serve
    data: Path | None = None  # sessions and recordings; default: RUN/studio, or runs/studio
    sessions: int = 16  # played at once, at most
    family: str | None = None  # module:Class of the model, where it is not in the catalog


def run(args: Args) -> dict[str, Any]:
    """Serve until it is interrupted; returns where."""
    from foreworld.cli.staging import gallery, offer_of, open_stage
    from foreworld.studio.engine import Engine
    from foreworld.studio.limits import Limits
    from foreworld.studio.server import make_app
    from foreworld.studio.stage import Theatre
    from foreworld.training.threads import keep_memory

    if not 1 <= args.fps <= 240:
        raise ValueError(f"--fps {args.fps:g}: 1 to 240 steps a second")
    offers = [offer_of(path) for path in args.runs] + gallery()
    if not offers:
        raise ValueError(
            "nothing to play: no world comes with this installation, and no run was named; make "
            "one: foreworld demo, and then: foreworld play runs/demo"
        )
    keep_memory()
    theatre = Theatre(offers, lambda offer: open_stage(offer, args.family))
    theatre.stage(None)  # a run that cannot be opened should say so before a browser opens
    folder = args.data or (args.runs[0] / "studio" if args.runs else Path("runs/studio"))
    door = _door(args)
    app = make_app(Engine(theatre, folder), door, Limits(sessions=args.sessions), args.fps)
    return _serve(app, args, door)


def _door(args: Args) -> Door:
    import secrets

    from foreworld.studio.limits import LOOPBACK, Door

    needed = args.host not in LOOPBACK
    return Door(args.host, args.token or (secrets.token_urlsafe(16) if needed else None))


def _serve(app: Any, args: Args, door: Door) -> dict[str, Any]:
    import socket

    import uvicorn

    from foreworld.studio.protocol import MOST_BYTES

    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((args.host, args.port))
    except OSError as error:
        raise ValueError(f"port {args.port} of {args.host}: {error.strerror}; --port 0") from None
    port = listening.getsockname()[1]
    shown = "localhost" if args.host in ("127.0.0.1", "0.0.0.0", "::1", "::") else args.host
    url = f"http://{shown}:{port}/" + (f"?token={door.token}" if door.token else "")
    print(f"play at {url}   (Ctrl-C ends it)", flush=True)
    if not args.no_browser:
        _open(url)
    config = uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=16 * MOST_BYTES,  # larger ones are cut off, these are answered
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run([listening])
    return {"url": url}


def _open(url: str) -> None:
    """Without waiting: the socket listens already, and answers when the server is up."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
