"""A studio server as its own process, and a wire to it that a test can cut."""

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress

START_S = 180


@contextmanager
def served(run):
    """The address of a studio that plays `run`."""
    address = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, "-m", "foreworld.cli.main", "play", str(run), "--no-browser"]
    log = run / "studio.log"
    with log.open("ab") as said:
        port = address.rstrip("/").rsplit(":", 1)[1]
        process = subprocess.Popen([*command, "--port", port], stdout=said, stderr=said)
        try:
            end = time.monotonic() + START_S
            while not answers(address):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            yield address
        finally:
            process.kill()
            process.wait()


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Wire:
    """Passes everything on to `address` until it is cut; to the browser that is a dead server."""

    def __init__(self, address):
        self.far = ("127.0.0.1", int(address.rstrip("/").rsplit(":", 1)[1]))
        self.whole = True
        self.ends = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.whole = False
        for end in self.ends:
            shut(end)

    def mend(self):
        self.whole = True

    def close(self):
        self.cut()
        shut(self.listening)

    def _accept(self):
        while True:
            try:
                near, _ = self.listening.accept()
            except OSError:
                return
            if not self.whole:
                shut(near)
                continue
            far = socket.create_connection(self.far)
            self.ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(one, other):
    with suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    shut(one)
    shut(other)


def shut(end):
    with suppress(OSError):  # it was shut already
        end.shutdown(socket.SHUT_RDWR)
    end.close()
