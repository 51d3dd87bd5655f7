"""One training step of simulusion's Dreamer V1 on pictures, timed inside its own program.

    python -m venv peer && peer/bin/pip install torch==2.13.0 torchvision==0.28.0 simulusion==1.1.0
    peer/bin/python benchmarks/peers/simulusion_step.py --steps 2

Runs without Foreworld, and prints one line of JSON: seconds of every step after the first. Batches
of 16 x 64 pictures of 64 x 64, one action, its own sizes otherwise (memory of 200, 30 Gaussians,
400 units, 15 steps imagined from all states), one thread. What the pictures show is chance.
`compare.py` beside it runs this and our own step in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time

import numpy as np

BATCH, LENGTH, STORED = 16, 64, 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2)
    steps = parser.parse_args().steps
    if importlib.util.find_spec("simulusion") is None:
        sys.exit(
            "skipped: simulusion is not installed in this environment; see --help's first line"
        )
    import torch
    from simulusion.configs.dreamer_config import DreamerConfig
    from simulusion.models.dreamer_v1 import DreamerV1

    torch.set_num_threads(1)
    config = DreamerConfig(batch_size=BATCH, train_seq_len=LENGTH, buffer_size=STORED, no_gpu=True)
    dreamer = DreamerV1(config, (3, 64, 64), 1, "cpu")
    rng = np.random.default_rng(0)
    for row in range(STORED):
        seen = {"image": rng.integers(256, size=(3, 64, 64), dtype=np.uint8)}
        dreamer.data_buffer.add(seen, rng.uniform(-1, 1, 1), 1.0, float(row % 200 == 199))
    cpu_s, wall_s = [], []
    for _ in range(steps + 1):
        cpu, wall = time.process_time(), time.perf_counter()
        dreamer.train_one_batch()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    row = {"cpu_s": cpu_s[1:], "wall_s": wall_s[1:], "threads": torch.get_num_threads()}
    print(json.dumps(row | {"torch": torch.__version__}))


if __name__ == "__main__":
    main()
