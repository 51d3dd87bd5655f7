"""Plays runs headless and says what it costs: frames a second, latency, many sessions, nonsense.

python benchmarks/studio.py runs/demo runs/rooms
    demo: 24.0 frames/s, p95 gap 44 ms, key to frame 31 ms, 8 sessions cost 1.6 of one

Costs are CPU time of one thread, medians over repeats; rates and gaps are wall-clock, and mean
something on a quiet machine only. The load while it ran is noted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "studio"))  # its client

from client import Client, WebSocketsSocket

from foreworld.cli.staging import offer_of, open_stage
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.sessions.rows import same
from foreworld.sessions.session import Session, advance
from foreworld.sessions.snapshot import pack
from foreworld.studio.frames import draw
from foreworld.studio.player import Player
from foreworld.studio.stage import Stage

RESULT = Path(__file__).parent / "results" / "studio.json"
SESSIONS = (1, 8, 16)
STEPS = 200  # of the sessions that are compared with sessions alone
REPEATS = 40
PORT = 8871


def measure(run: Path, seconds: float, messages: int) -> dict[str, Any]:
    """One run: what sessions cost in this process, then what a client of a server sees."""
    stage = open_stage(offer_of(run))
    result: dict[str, Any] = {
        "family": type(stage.rows.model).__name__,
        "env": stage.offer.env,
        "parameters": sum(p.numel() for p in stage.rows.model.parameters()),
        "exact_on_this_machine": stage.rows.exact,
        "cost_ms": {str(n): cost(stage, n) for n in SESSIONS},
        "sixteen_equal_alone": equal_alone(stage),
        "snapshot_bytes": len(pack(played(stage, 0), stage.model_hash)),
    }
    one, eight = (result["cost_ms"][n] for n in ("1", "8"))
    result["eight_over_one"] = {k: round(eight[k] / one[k], 2) for k in one}
    with TemporaryDirectory() as folder:
        result["served"] = served(run, Path(folder), seconds, messages)
    return result


def played(stage: Stage, seed: int) -> Session:
    session = Session(stage.rows, seed)
    session.begin(stage.rows.model.initial(1))
    return session


def actions(stage: Stage, count: int, seed: int) -> list[np.ndarray]:
    rng, spec = np.random.default_rng(seed), stage.rows.specs["action"]
    if spec.classes:
        drawn = rng.integers(0, spec.classes, (count, len(spec.classes)))
    else:
        drawn = rng.uniform(-1, 1, (count, spec.width))
    return list(drawn.reshape(count, *spec.shape).astype(spec.dtype))


def equal_alone(stage: Stage) -> bool:
    """Whether 16 sessions of 200 steps are, to the bit, what each would be alone."""
    plays = [actions(stage, STEPS, seed) for seed in range(16)]
    together = [played(stage, seed) for seed in range(16)]
    for step in range(STEPS):
        advance(together, [play[step] for play in plays])
    for seed, session in enumerate(together):
        alone = played(stage, seed)
        for action in plays[seed]:
            alone.step(action)
        if not same(alone.state, session.state):
            return False
    return True


def cost(stage: Stage, count: int) -> dict[str, float]:
    """CPU milliseconds of one tick of so many sessions: the step, and the frames with pictures."""
    players = [Player(str(n), stage, played(stage, n)) for n in range(count)]
    moves = actions(stage, count, 0)
    sessions = [p.session for p in players]

    def tick() -> None:
        advance(sessions, moves)
        draw(players, 0.0)

    return {"step": cpu_ms(lambda: advance(sessions, moves)), "step_and_frames": cpu_ms(tick)}


def cpu_ms(work: Callable[[], Any]) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1e3)
    return round(statistics.median(times), 2)


# A server, and clients of it


def served(run: Path, folder: Path, seconds: float, messages: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "foreworld.cli.main", "play", str(run), "--no-browser"]
    words += ["--port", str(PORT), "--data", str(folder), "--fps", "24"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = joined(process)
        client.hello(seed=0, encoding="jpeg")
        result = {"alone": watch(client, seconds)}
        others = [joined(process) for _ in range(7)]
        for seed, other in enumerate(others, 1):
            other.hello(seed=seed, encoding="jpeg")
            other.ctl("play")
        result["beside_seven"] = watch(client, seconds)
        for other in others:
            other.socket.close()
        result["nonsense"] = pester(process, client, messages)
        return result
    finally:
        process.kill()
        process.wait()


def joined(process: subprocess.Popen[bytes]) -> Client:
    while process.poll() is None:
        try:
            return Client(WebSocketsSocket(f"ws://127.0.0.1:{PORT}/ws", compression=None))
        except OSError:
            time.sleep(0.2)
    raise ValueError("the server ended")


def watch(client: Client, seconds: float) -> dict[str, Any]:
    """Play with keys that change; frames a second, gaps between them, and from key to frame."""
    client.ctl("play")
    client.frames.clear()
    came: list[float] = []
    waits: list[float] = []
    pressed = (0.0, 0)  # when, and which seq no frame has obeyed yet
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        if not pressed[1] and len(came) % 12 == 6:
            client.seq += 1
            down = ["arrowright" if client.seq % 2 else "arrowleft"]
            pressed = (now, client.seq)
            client.say({"t": "keys", "seq": client.seq, "down": down})
        client.listen()
        if client.frames:
            came.append(time.monotonic())
            if pressed[1] and client.frames[-1].header.applied_seq >= pressed[1]:
                waits.append((came[-1] - pressed[0]) * 1e3)
                pressed = (0.0, 0)
            last = client.frames[-1].header
            client.frames.clear()
    client.ctl("pause")
    gaps = np.diff(came) * 1e3
    return {
        "seconds": seconds,
        "frames_per_s": round(len(came) / seconds, 2),
        "gap_ms": quantiles(gaps),
        "key_to_frame_ms": quantiles(np.array(waits)),
        "late": last.late,
        "ms_step": round(last.ms_step, 2),
        "ms_decode": round(last.ms_decode, 2),
    }


def quantiles(values: np.ndarray) -> dict[str, float]:
    chosen = {"p50": 50, "p95": 95, "max": 100}
    return {name: round(float(np.percentile(values, q)), 1) for name, q in chosen.items()}


def pester(process: subprocess.Popen[bytes], beside: Client, messages: int) -> dict[str, Any]:
    """Malformed, oversized and too frequent messages; what they got, and whom they disturbed."""
    from test_server import nonsense

    beside.ctl("reset", {"from": "model", "seed": 5})
    expected = [f.picture for f in beside.step(50)]
    beside.ctl("reset", {"from": "model", "seed": 5})
    rng, answers, sent, closed = random.Random(0), {}, 0, 0
    shown: list[bytes] = []
    while sent < messages:
        wild = joined(process)
        wild.hello(seed=1)
        try:
            while sent < messages:
                wild.say(nonsense(rng))
                sent += 1
                if sent % (messages // 50) == 0:
                    shown += [f.picture for f in beside.step()]
                if sent % 20 == 0:
                    wild.listen()
        except Exception as error:  # it was let go for flooding, as it should be
            closed += type(error).__name__.startswith("Connection")
        for said in wild.heard:
            code = said.get("code", said["t"])
            answers[code] = answers.get(code, 0) + 1
    return {
        "sent": sent,
        "answers_read": answers,
        "connections_closed_for_flooding": closed,
        "other_session_undisturbed": shown == expected[: len(shown)] and len(shown) == 50,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    results = {run.resolve().name: measure(run, args.seconds, args.messages) for run in args.runs}
    load = {"load_average": [round(x, 1) for x in os.getloadavg()]}
    settings = {"fps": 24, "seeds": "0 to 15", "repeats": REPEATS, "steps": STEPS}
    document = {"runs": results, "settings": settings, **load, "provenance": provenance()}
    write_json(args.out, document)
    for name, found in results.items():
        alone = found["served"]["alone"]
        ratio = found["eight_over_one"]["step_and_frames"]
        print(
            f"{name}: {alone['frames_per_s']} frames/s, p95 gap {alone['gap_ms']['p95']} ms, "
            f"key to frame {alone['key_to_frame_ms']['p50']} ms, 8 sessions cost {ratio} of one"
        )
    print(json.dumps(load))


if __name__ == "__main__":
    main()
