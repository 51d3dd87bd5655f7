"""A server that is killed in mid-play goes on from the frame that was seen last."""

import os
import signal
import socket
import subprocess
import sys
import time

from client import Client, WebSocketsSocket


def started(run, port, data):
    command = [sys.executable, "-m", "foreworld.cli.main", "play", str(run), "--port", str(port)]
    words = ["--no-browser", "--data", str(data), "--fps", "60"]
    with (data.parent / "server.log").open("ab") as log:
        return subprocess.Popen([*command, *words], stdout=log, stderr=log)


def joined(port, process, **hello):
    end = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < end
        try:
            client = Client(WebSocketsSocket(f"ws://127.0.0.1:{port}/ws"))
        except OSError:
            time.sleep(0.2)
            continue
        client.welcome = client.hello(**hello)
        assert client.welcome["t"] == "welcome", client.welcome
        return client


def test_killed_in_mid_play(run, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = tmp_path / "data"
    first = started(run, port, data)
    try:
        client = joined(port, first, seed=21)
        client.ask("keys", down=["arrowright", "w"])
        client.frames.clear()
        client.ctl("play")
        while not client.frames or client.frame().header.frame < 45:
            client.listen()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        seen = client.frames[-1]
    finally:
        first.kill()
        first.wait()
        client.socket.close()
    second = started(run, port, data)
    try:
        again = joined(port, second, resume=client.welcome["session"])
        stands = again.frame()
        assert again.welcome["resumed"] and stands.header.frame >= seen.header.frame
        again.ask("keys", down=["arrowright", "w"])
        after = again.step(50)
        # What an undisturbed session shows with the same seed and keys:
        other = joined(port, second, seed=21)
        other.ask("keys", down=["arrowright", "w"])
        whole = []
        while len(whole) < stands.header.frame + 50:
            whole += other.step(50)
        expected = [f.picture for f in whole[stands.header.frame :][:50]]
        assert [f.picture for f in after] == expected
        assert [f.truth for f in after] == [f.truth for f in whole[stands.header.frame :][:50]]
        assert whole[seen.header.frame - 1].picture == seen.picture
    finally:
        again.socket.close()
        other.socket.close()
        second.kill()
        second.wait()
