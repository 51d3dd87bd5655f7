"""How fast a dataset of videos becomes a store, and how much memory that takes.

python benchmarks/data_import.py --recordings 24 --frames 300

Two cameras of 240 x 320 pixels at 30 frames a second, H.264, and a table of actions; shrunk to 64.
Every count of workers is a process of its own; writes benchmarks/results/data_import.json.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import tyro

from foreworld.data.formats import open_source
from foreworld.data.importing import import_dataset
from foreworld.data.usual import usual
from foreworld.disk import write_json
from foreworld.evaluation import provenance

SIZE = (240, 320)
FPS = 30


@dataclass(frozen=True)
class Args:
    recordings: int = 24
    frames: int = 300  # of each camera
    workers: tuple[int, ...] = (1, 2, 4)
    repeats: int = 3  # of each count, in turn
    out: Path = Path(__file__).parent / "results" / "data_import.json"


def main(args: Args) -> None:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs"
        for n in range(args.recordings):
            record(logs / f"recording_{n:03d}", args.frames, n)
        size_mb = sum(f.stat().st_size for f in logs.rglob("*") if f.is_file()) / 1e6
        runs: dict[int, list[dict[str, float]]] = {count: [] for count in args.workers}
        for _ in range(args.repeats):
            for count in args.workers:
                runs[count].append(alone(logs, Path(folder) / "store", count))
    result = {
        "recordings": args.recordings, "frames": 2 * args.frames * args.recordings,
        "pixels": SIZE, "size_mb": round(size_mb, 1), "n": args.repeats,
        "by workers": {str(count): summary(measured) for count, measured in runs.items()},
        "provenance": provenance(),
    }  # fmt: skip
    write_json(args.out, result)
    print(json.dumps(result["by workers"], indent=2))


def record(folder: Path, frames: int, seed: int) -> None:
    """Two films of a disc on a noisy floor, and what was done."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    floor = rng.integers(60, 120, (*SIZE, 3)).astype(np.uint8)
    steps = rng.uniform(-4, 4, (frames, 2)).round(3)
    places = 100 + np.clip(np.cumsum(steps, 0), -80, 80)
    for camera in ("front", "wrist"):
        film(folder / f"{camera}.mp4", floor, places + (20 if camera == "wrist" else 0))
    rows = [f"{a},{b}" for a, b in steps]
    (folder / "actions.csv").write_text("\n".join(["x,y", *rows]))


def film(path: Path, floor: np.ndarray, places: np.ndarray) -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for y, x in places:
            frame = floor.copy()
            frame[(rows - y) ** 2 + (columns - x) ** 2 < 400] = (220, 60, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def alone(logs: Path, store: Path, workers: int) -> dict[str, float]:
    """One import in a process of its own, for its peak of memory is its own too."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(measure, (logs, store, workers))


def measure(logs: Path, store: Path, workers: int) -> dict[str, float]:
    import shutil

    shutil.rmtree(store, ignore_errors=True)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    cpu, wall = time.process_time(), time.perf_counter()
    source = open_source(logs)
    report = import_dataset(source, store, usual(source), workers=workers)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"rows": report.rows, "wall_s": wall, "cpu_s": cpu,
            "rows_per_s": report.rows / wall, "rows_per_cpu_s": report.rows / cpu,
            "more_memory_mb": peak_mb - before_mb}  # fmt: skip


def summary(measured: list[dict[str, float]]) -> dict[str, Any]:
    """Median, least and most of every figure."""
    return {
        name: [float(np.median(v)), min(v), max(v)]
        for name in measured[0]
        for v in [[m[name] for m in measured]]
    }


if __name__ == "__main__":
    main(tyro.cli(Args))
