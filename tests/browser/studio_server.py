"""A studio server as its own process, for tests that drive it through a browser."""

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

START_S = 180


@contextmanager
def served(run, port):
    """The address of a studio that plays `run`; the process, so that a test may kill it."""
    command = [sys.executable, "-m", "foreworld.cli.main", "play", str(run), "--port", str(port)]
    log = (run / "studio.log").open("ab")
    process = subprocess.Popen([*command, "--no-browser"], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}/"
        wait(lambda: answers(address), START_S, (run / "studio.log").read_text)
        yield address, process
    finally:
        process.kill()
        process.wait()
        log.close()


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait(condition, seconds, why=lambda: ""):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
