"""A small run, and a studio that plays it in this process."""

import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))  # for client

from client import Client

from foreworld.cli.main import main


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
    from foreworld.cli.staging import offer_of, open_stage

    return open_stage(offer_of(run))


@pytest.fixture
def serve(stage, tmp_path):
    """serve(**options) -> a test client of a studio; closed at the end."""
    from foreworld.studio.engine import Engine
    from foreworld.studio.limits import Door, Limits
    from foreworld.studio.server import make_app
    from foreworld.studio.stage import Theatre

    opened = []

    def make(folder=tmp_path, door=None, fps=100.0, **limits):
        engine = Engine(Theatre([stage.offer], lambda offer: stage), Path(folder))
        door = door or Door("testserver")
        app = make_app(engine, door, Limits(**limits), fps)
        opened.append(TestClient(app))
        return opened[-1].__enter__()

    yield make
    for client in opened:
        client.__exit__(None, None, None)


class TestSocket:
    """Of FastAPI's test client."""

    __test__ = False

    def __init__(self, session):
        self.session = session

    def send(self, text):
        self.session.send_text(text)

    def receive(self, seconds):
        said = self.session.receive()
        if said["type"] == "websocket.close":
            raise ConnectionError(said["code"])
        return said.get("text") if said.get("text") is not None else said["bytes"]


@pytest.fixture
def connect():
    """connect(server) -> a `Client`; hangs up at the end."""
    open_ = []

    def make(server, path="/ws", **options):
        session = server.websocket_connect(path, **options)
        session.__enter__()
        open_.append(session)
        return Client(TestSocket(session))

    yield make
    for session in open_:
        session.__exit__(None, None, None)


@pytest.fixture
def played(serve, connect):
    """A client that plays, paused at its first frame."""
    client = connect(serve())
    client.welcome = client.hello(seed=5)
    assert client.welcome["t"] == "welcome", client.welcome
    return client
