"""A client of the studio in a few lines: what tests say, and what they hear."""

import json
import time

from foreworld.studio.packing import unpack


class Client:
    """Over any socket with `send(text)` and `receive(seconds)`: text, bytes or None."""

    def __init__(self, socket):
        self.socket, self.seq = socket, 0
        self.frames, self.heard = [], []

    def hello(self, **fields):
        self.say({"t": "hello", "encoding": "raw", **fields})
        return self.wait(lambda m: m["t"] in ("welcome", "error"))

    def say(self, message):
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def ask(self, t, **fields):
        """Send with a new seq; the answer to it."""
        self.seq += 1
        self.say({"t": t, "seq": self.seq, **fields})
        return self.wait(lambda m: m["t"] in ("ack", "error") and m["seq"] == self.seq)

    def ctl(self, op, arg=None):
        return self.ask("ctl", op=op, arg=arg)

    def step(self, count=1):
        """Steps by hand; the frames they gave."""
        answer = self.ctl("step", count)
        assert answer["t"] == "ack", answer
        while not self.frames or self.frames[-1].header.node != answer["node"]:
            self.listen()
        return self.frames[-count:]

    def frame(self):
        """The newest frame; waits for one where there is none."""
        end = time.monotonic() + 60
        while not self.frames:
            assert time.monotonic() < end, self.heard
            self.listen()
        return self.frames[-1]

    def wait(self, wanted):
        """The first message that will do; frames on the way are kept."""
        end = time.monotonic() + 60
        while True:
            assert time.monotonic() < end, self.heard[-5:]
            message = self.listen()
            if message is not None and wanted(message):
                return message

    def listen(self):
        said = self.socket.receive(1.0)
        if said is None:
            return None
        if isinstance(said, bytes):
            self.frames.append(unpack(said))
            return None
        self.heard.append(json.loads(said))
        return self.heard[-1]


class WebSocketsSocket:
    """Of the `websockets` package."""

    def __init__(self, url, **options):
        from websockets.sync.client import connect

        self.context = connect(url, max_size=None, ping_interval=None, **options)
        self.socket = self.context.__enter__()

    def send(self, text):
        self.socket.send(text)

    def receive(self, seconds):
        try:
            return self.socket.recv(timeout=seconds)
        except TimeoutError:
            return None

    def close(self):
        self.context.__exit__(None, None, None)
