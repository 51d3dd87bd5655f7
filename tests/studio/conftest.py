"""A small run, and a studio that plays it in this process."""

import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))  # for client

from client import Client, WebSocketsSocket

from foreworld.cli.main import main
from foreworld.cli.staging import offer_of, open_stage
from foreworld.studio.engine import Engine
from foreworld.studio.limits import Door, Limits
from foreworld.studio.server import make_app
from foreworld.studio.stage import Theatre


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A run of the two rooms after a few updates: that it obeys is enough."""
    run = tmp_path_factory.mktemp("runs") / "rooms"
    words = "--preset debug --steps 2 --prefill 200 --num-envs 2 --threads 1 --image-size 16"
    size = ["--env", "image_size=16", "--env", "max_steps=50"]
    assert main(["train", "rooms", "--run", str(run), *words.split(), *size]) == 0
    return run


@pytest.fixture(scope="session")
def stage(run):
    """The run, opened once."""
    return open_stage(offer_of(run))


class Server:
    """A studio behind a real socket, in a thread of this process."""

    def __init__(self, app):
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_level="warning", ws_max_size=1 << 20, timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([listening],))
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)

    def get(self, path, **headers):
        """(status, bytes) of an answer."""
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, path):
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def close(self):
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def serve(stage, tmp_path):
    """serve(**options) -> a `Server`; closed at the end."""
    opened = []

    def make(door=None, fps=100.0, **limits):
        engine = Engine(Theatre([stage.offer], lambda offer: stage), tmp_path)
        opened.append(Server(make_app(engine, door or Door(), Limits(**limits), fps)))
        return opened[-1]

    yield make
    for server in opened:
        server.close()


@pytest.fixture
def connect():
    """connect(server) -> a `Client`; hangs up at the end."""
    sockets = []

    def make(server, path="/ws", **options):
        sockets.append(WebSocketsSocket(f"ws://{server.address}{path}", **options))
        return Client(sockets[-1])

    yield make
    for each in sockets:
        each.close()


@pytest.fixture
def played(serve, connect):
    """A client that plays, paused at its first frame."""
    client = connect(serve())
    client.welcome = client.hello(seed=5)
    assert client.welcome["t"] == "welcome", client.welcome
    return client
