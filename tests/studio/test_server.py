"""What the server lists, whom it lets in, and what disturbs nobody."""

import json
import random

import pytest
from websockets.exceptions import ConnectionClosed

from foreworld.studio.limits import Door


def test_lists(serve, connect, stage):
    server = serve()
    client = connect(server)
    session = client.hello(seed=1)["session"]
    client.step(3)
    assert server.json("/api/worlds")[0]["env"] == "foreworld/Rooms-v0"
    (run,) = server.json("/api/runs")
    assert run["family"] == "rssm" and run["report"] is None
    (listed,) = server.json("/api/sessions")
    assert (listed["session"], listed["frame"], listed["connected"]) == (session, 3, True)
    assert server.json(f"/api/sessions/{session}/tree")["node"] == 3
    name = client.ask("snapshot")["hash"]
    status, data = server.get(f"/api/snapshots/{name}")
    assert status == 200 and 100 < len(data) < 64_000
    assert server.get("/api/snapshots/nothing")[0] == 404
    assert server.get(f"/api/trust/{stage.offer.name}")[0] == 404
    assert server.get("/api/trust/nowhere")[0] == 404
    assert server.json("/api/recordings") == []
    status = server.json("/api/status")
    assert status["sessions"] == status["connections"] == 1
    paths = server.json("/openapi.json")["paths"]
    assert {"/api/worlds", "/api/sessions", "/api/snapshots/{hash}"} <= set(paths)


def test_a_token_is_asked_for(serve, connect):
    server = serve(door=Door("0.0.0.0", "secret"))
    assert server.get("/api/worlds")[0] == 401
    assert server.get("/api/worlds?token=wrong")[0] == 401
    assert server.get("/api/worlds?token=secret")[0] == 200
    bearer = {"Authorization": "Bearer secret"}
    assert server.get("/api/worlds", **bearer)[0] == 200
    assert connect(server).hello()["code"] == "unauthorized"
    assert connect(server).hello(token="wrong")["code"] == "unauthorized"
    assert connect(server).hello(token="secret")["t"] == "welcome"
    assert connect(server, "/ws?token=secret").hello()["t"] == "welcome"
    assert connect(server, additional_headers=bearer).hello()["t"] == "welcome"


def test_other_sites_are_sent_away(serve, connect):
    server = serve()
    assert server.get("/api/worlds", Host="rebound.example")[0] == 403
    assert server.get("/api/worlds", Origin="https://evil.example")[0] == 403
    assert server.get("/api/worlds", Origin=f"http://{server.address}")[0] == 200
    refused = connect(server, origin="https://evil.example")
    assert refused.wait(lambda m: True)["code"] == "unauthorized"
    assert connect(server, origin=f"http://{server.address}").hello()["t"] == "welcome"


def test_rooms_are_limited(serve, connect):
    server = serve(sessions=2)
    for seed in range(2):
        assert connect(server).hello(seed=seed)["t"] == "welcome"
    last = connect(server)
    assert last.hello()["code"] == "full"
    assert last.ask("ping")["code"] == "hello_first", "it may try again later"


def test_who_says_nothing_is_let_go(serve, connect):
    client = connect(serve(hello_s=0.2))
    assert client.wait(lambda m: m["t"] == "error")["code"] == "hello_first"
    with pytest.raises(ConnectionClosed, match="4408"):
        client.wait(lambda m: m["t"] == "never")


def test_who_floods_is_slowed_down_then_let_go(serve, connect):
    client = connect(serve(rate=20.0, flood=50))
    client.hello()
    for _ in range(40):
        client.say({"t": "ping", "seq": 0})
    assert client.wait(lambda m: m["t"] == "error")["code"] == "too_fast"
    with pytest.raises(ConnectionClosed, match="4429"):  # which may come before all is said
        for _ in range(80):
            client.say({"t": "ping", "seq": 0})
        client.wait(lambda m: m["t"] == "never")


def nonsense(rng):
    """A message as nobody should send it."""
    kinds = ["keys", "act", "ctl", "branch", "compare", "snapshot", "restore", "plan", "hello", "x"]
    values = [None, -1, 2**70, 1.5, "", "x" * 300, [], {}, [[]], True, {"from": "world"}, "\u0000"]
    names = ["seq", "down", "a", "op", "arg", "from", "label", "go", "branches", "h", "n", "hash"]
    fields = {rng.choice(names): rng.choice(values) for _ in range(rng.randrange(6))}
    # Never one that is right: it would be obeyed.
    text = json.dumps({"t": rng.choice(kinds), **fields, "unknown": rng.choice(values)})
    shapes = [
        lambda: text,
        lambda: text[: rng.randrange(len(text))],
        lambda: "".join(chr(rng.randrange(32, 0x2000)) for _ in range(rng.randrange(50))),
        lambda: "[" * rng.randrange(5000),
        lambda: json.dumps({"t": "ping", "seq": 1, "tc": "9" * rng.randrange(60_000, 90_000)}),
    ]
    return rng.choices(shapes, [6, 3, 1, 1, 0.3])[0]()


def test_nonsense_disturbs_nobody(serve, connect):
    server = serve(rate=1e6)
    alone, beside, wild = (connect(server) for _ in range(3))
    alone.hello(seed=9)
    expected = [f.picture for f in alone.step(40)]
    beside.hello(seed=9)
    wild.hello(seed=1)
    rng, seen = random.Random(4), []
    for _ in range(40):
        for _ in range(30):
            wild.say(nonsense(rng))
        seen += [f.picture for f in beside.step()]
    assert seen == expected
    heard = 0
    wild.seq = 10**6
    assert wild.ask("ping")["t"] == "ack", "it is still being listened to"
    heard = [m for m in wild.heard if m["t"] == "error"]
    assert len(heard) == 1200 and not [m for m in heard if m["code"] == "failed"]
    assert all(m["msg"] and len(m["msg"]) < 400 for m in heard)
    assert wild.step()[0].header.frame == 1, "nothing of it was obeyed"
