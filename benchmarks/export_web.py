"""An exported world in a real browser tab: does it say what Python says, and how fast does it play?

pip install -e '.[export]' playwright
python benchmarks/export_web.py runs/demo --chromium /usr/bin/chromium

It exports the run, serves the folder by `python -m http.server`, and drives a headless Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from playwright.sync_api import Page, sync_playwright

from foreworld.cli.export import Args
from foreworld.cli.export import run as export
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.run import load
from foreworld.serving.graphs import numbers, with_leaves
from foreworld.vocab import WorldModel

RESULT = Path(__file__).parent / "results" / "export_web.json"
STEPS, COSTED, PLAYED_S = 64, 300, 20.0

STEP = """async ({actions, noise}) => {
  const { World } = await import("./world.js");
  const world = await World.open("./");
  let state = world.start(1 % world.manifest.starts);
  const said = [];
  for (let t = 0; t < actions.length; t++) {
    state = await world.imagine(state, actions[t], noise[t]);
    const heads = Object.entries(await world.predict(state));
    said.push(Object.fromEntries(heads.map(([head, x]) => [head, Array.from(x, Number)])));
  }
  return JSON.stringify(said); // as one text: the driver is slow with a million numbers
}"""
COST = """async ({action, steps}) => {
  const { Session } = await import("./session.js");
  const { normals } = await import("./normals.js");
  await studio.commands.stop();
  let state = Session.world.start(1 % Session.world.manifest.starts);
  const took = [];
  for (let t = 0; t < steps; t++) {
    const began = performance.now();
    state = await Session.world.imagine(state, action, Session.world.noise(normals(t)));
    await Session.world.predict(state);
    took.push(performance.now() - began);
  }
  return took;
}"""
WATCH = """() => {
  window.frames_at = [];
  studio.session.addEventListener("frame", () => frames_at.push(performance.now()));
}"""
READY = ".veil b:has-text('Step in')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--seconds", type=float, default=PLAYED_S)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "world"
        manifest = export(Args(arguments.run, folder))
        with served(folder) as url, browser(arguments.chromium) as (page, complaints, version):
            began = time.perf_counter()
            page.goto(url)
            page.wait_for_selector(READY)
            measured = {
                "loaded_s": round(time.perf_counter() - began, 2),
                "difference": difference(page, load(arguments.run).model, folder),
                # The browser compiles twice, the second time well: what a step costs is asked last.
                "play": [play(page, speed, arguments.seconds) for speed in (1, 4)],
                "cost": cost(page, manifest),
                "complaints": list(complaints),
                "webgpu": page.evaluate("navigator.gpu?.requestAdapter().then(Boolean) ?? false"),
                "load": os.getloadavg()[
                    0
                ],  # of the machine: 2 is a busy one, where it has 2 threads
            }
        sizes = {name: file["bytes"] for name, file in manifest["files"].items()}
    about = {k: manifest[k] for k in ("family", "world", "step", "model")}
    document = {
        **about, **measured, "bytes": sum(sizes.values()), "files": sizes,
        "browser": f"Chromium {version}, headless, one thread of WebAssembly with SIMD",
        "provenance": provenance(),
    }  # fmt: skip
    write_json(RESULT, document)
    print({k: v for k, v in document.items() if k != "files"})


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder behind Python's own file server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    server = subprocess.Popen([*command, "--directory", str(folder)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


@contextmanager
def browser(chromium: str) -> Iterator[tuple[Page, list[str], str]]:
    """A tab, what its console complains of, and the browser's version."""
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = window.new_page()
        complaints: list[str] = []
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, complaints, window.version
        window.close()


def difference(page: Page, model: WorldModel, folder: Path) -> dict[str, float]:
    """The largest difference between browser and Python over 64 steps, by head."""
    from safetensors.torch import load_file

    starts = load_file(folder / "starts.safetensors")
    state = model.initial(1)
    row = 1 % len(starts["action"])
    state = with_leaves(state, [starts[name][row : row + 1] for name in numbers(state)])
    actions, noise = chances(model)
    chosen = actions.reshape(len(actions), -1).tolist()
    told = json.loads(page.evaluate(STEP, {"actions": chosen, "noise": noise.tolist()}))
    worst = dict.fromkeys(model.heads, 0.0)
    for t, said in enumerate(told):
        state = model.imagine(state, actions[t : t + 1], noise[t : t + 1])
        for head, said_here in model.predict(state).items():
            there = np.array(said[head], np.float64)
            here = said_here.mean.double().numpy().ravel()
            worst[head] = max(worst[head], float(np.abs(here - there).max()))
    return worst


def chances(model: WorldModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Random actions [64, ...] and noise [64, K]."""
    from foreworld.policies import RandomPolicy

    policy = RandomPolicy(model.specs["action"], seed=0)
    carry, step = policy.init(1), {"is_first": np.zeros(1, bool)}
    actions = []
    for _ in range(STEPS):
        carry, action = policy.act(carry, step)
        actions.append(torch.from_numpy(action))
    return torch.cat(actions), model.noise(STEPS, 1, seed=0)[:, 0]


def cost(page: Page, manifest: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of imagining and drawing one step, nothing else going on in the tab."""
    action = [0] * int(np.prod(manifest["graphs"]["imagine"]["inputs"]["action"]["shape"]))
    took = page.evaluate(COST, {"action": action, "steps": COSTED})
    quick = np.percentile(took[20:], [50, 95])
    return {"steps": COSTED, "median_ms": round(quick[0], 3), "p95_ms": round(quick[1], 3)}


def play(page: Page, speed: int, seconds: float) -> dict[str, float]:
    """Frames a second, and the gaps between them, while a key is held."""
    page.evaluate("async (speed) => await studio.commands.speed(speed)", speed)
    page.evaluate("async () => await studio.commands.reset()")
    page.evaluate(WATCH)
    page.keyboard.down("ArrowLeft")
    page.evaluate("async () => await studio.commands.play()")
    page.wait_for_timeout(1000 * seconds)
    times = np.array(page.evaluate("frames_at"))
    page.keyboard.up("ArrowLeft")
    gaps = np.diff(times)
    return {
        "asked_fps": page.evaluate("studio.session.welcome.fps") * speed,
        "fps": round(1000 * len(gaps) / (times[-1] - times[0]), 2),
        "frames": len(times),
        "p95_gap_ms": round(float(np.percentile(gaps, 95)), 1),
    }


if __name__ == "__main__":
    main()
