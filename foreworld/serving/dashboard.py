"""A page of runs on this machine: what they are, their curves while they train, their reports.

    GET /                        the page; /static/NAME its parts
    GET /api/runs                a line of every run
    GET /api/run?name=NAME       its config, and at most `MOST` points of each of its curves
    GET /files/NAME/FILE         a report, film or picture of a run

It only reads, listens on the loopback interface, and answers no page but its own.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from foreworld.disk import finite

MOST = 600  # points of a curve: as many as a screen has room for
ROOMS = (("foreworld.serving", "runs_page"), ("foreworld.studio", "page"))
HERE = ("127.0.0.1", "localhost")
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


@dataclass(frozen=True)
class Shelf:
    """A folder of runs: `lines` lists them, `details` opens one."""

    folder: Path
    lines: Callable[[], list[dict[str, Any]]]
    details: Callable[[Path], dict[str, Any]]


class Missing(Exception):
    """Nothing has this address."""


def serve(shelf: Shelf, port: int) -> None:
    """Answer until interrupted. Raises OSError where the port is taken."""
    with make_server(shelf, port) as server:
        print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        server.serve_forever()


def make_server(shelf: Shelf, port: int) -> ThreadingHTTPServer:
    """port: 0 takes any that is free."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Answers, shelf))


class Answers(BaseHTTPRequestHandler):
    """One request."""

    def __init__(self, shelf: Shelf, *rest: Any) -> None:
        self.shelf = shelf
        super().__init__(*rest)

    def do_GET(self) -> None:
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        if host not in HERE:  # another name that was made to point here
            return self._send(403, b"this page is for this machine only", "text/plain")
        try:
            self._send(200, *self._found(urlsplit(self.path)))
        except Missing:
            self._send(404, b"there is nothing here", "text/plain")

    def _found(self, url: Any) -> tuple[bytes, str]:
        path = unquote(url.path)
        if path == "/api/runs":
            return _json({"folder": str(self.shelf.folder), "runs": self._lines()})
        if path == "/api/run":
            name = parse_qs(url.query).get("name", [""])[0]
            return _json(_thin(self.shelf.details(self._run(name))))
        if path.startswith("/files/"):
            return self._file(path.removeprefix("/files/"))
        return _static(path.removeprefix("/static/").lstrip("/") or "index.html")

    def _lines(self) -> list[dict[str, Any]]:
        return self.shelf.lines()

    def _run(self, name: str) -> Path:
        for line in self._lines():
            if line["run"] == name:
                return Path(line["path"])
        raise Missing

    def _file(self, path: str) -> tuple[bytes, str]:
        """Only what the list of runs names: no way out of their folders."""
        for line in self._lines():
            for file in line["files"]:
                if path == f"{line['run']}/{file}":
                    return (Path(line["path"]) / file).read_bytes(), _kind(file)
        raise Missing

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if not self.path.startswith("/files/"):  # reports bring their plots' scripts with them
            self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is for people."""


def _static(name: str) -> tuple[bytes, str]:
    for room, folder in ROOMS:
        file = resources.files(room) / folder / name
        if "/" not in name and file.is_file():
            return file.read_bytes(), _kind(name)
    raise Missing


def _kind(name: str) -> str:
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}
    suffix = Path(name).suffix
    return kinds.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _json(data: Any) -> tuple[bytes, str]:
    return json.dumps(finite(data), default=str).encode(), "application/json"


def _thin(details: dict[str, Any]) -> dict[str, Any]:
    """Records as curves {key: {steps, values}}, the last point always among them."""
    records = details["records"]
    keys = {key for record in records for key in record} - {"step"}
    curves = {}
    for key in sorted(keys):
        points = [(r["step"], r[key]) for r in records if r.get(key) is not None]
        stride = max(1, -(-len(points) // MOST))
        kept = points[::-1][::stride][::-1]
        curves[key] = {"steps": [s for s, _ in kept], "values": [v for _, v in kept]}
    return {"config": details["config"], "curves": curves}
