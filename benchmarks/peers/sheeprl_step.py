"""One training step of sheeprl's Dreamer V3 XS on CartPole's state, timed inside its own program.

    python -m venv peer && echo torch==2.13.0+cpu > cpu.txt
    peer/bin/pip install -c cpu.txt 'sheeprl==0.8.4' torch==2.13.0        (about four minutes)
    peer/bin/python benchmarks/peers/sheeprl_step.py --steps 3

Runs without Foreworld, and prints one line of JSON: seconds of every step after the first. Batches
of 16 x 64, memory of 256, 32 classes of 32, 15 steps imagined from all states, one thread.
`compare.py` beside it runs this and our own step in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from typing import Any

ARGUMENTS = (
    "exp=dreamer_v3", "algo=dreamer_v3_XS", "env=gym", "env.id=CartPole-v1", "env.num_envs=1",
    "env.sync_env=True", "env.capture_video=False", "algo.cnn_keys.encoder=[]",
    "algo.cnn_keys.decoder=[]", "algo.mlp_keys.encoder=[vector]", "algo.mlp_keys.decoder=[vector]",
    "algo.per_rank_batch_size=16", "algo.per_rank_sequence_length=64", "algo.horizon=15",
    "algo.learning_starts=200", "algo.total_steps=100000", "algo.replay_ratio=1",
    "algo.run_test=False", "buffer.size=2000", "buffer.memmap=False", "buffer.checkpoint=False",
    "fabric.accelerator=cpu", "fabric.precision=32-true", "metric.log_level=0",
    "checkpoint.every=0", "checkpoint.save_last=False", "num_threads=1",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=3)
    steps = parser.parse_args().steps
    if importlib.util.find_spec("sheeprl") is None:
        sys.exit("skipped: sheeprl is not installed in this environment; see --help's first lines")
    os.chdir(tempfile.mkdtemp())  # it writes its runs where it stands
    import torch
    from sheeprl.algos.dreamer_v3 import dreamer_v3
    from sheeprl.cli import run

    train, cpu_s, wall_s = dreamer_v3.train, [], []

    def timed(*args: Any, **kwargs: Any) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        train(*args, **kwargs)
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
        if len(cpu_s) > steps:
            row = {"cpu_s": cpu_s[1:], "wall_s": wall_s[1:], "threads": torch.get_num_threads()}
            print(json.dumps(row | {"torch": torch.__version__}), flush=True)
            os._exit(0)

    dreamer_v3.train = timed
    sys.argv = ["sheeprl", *ARGUMENTS]
    run()


if __name__ == "__main__":
    main()
