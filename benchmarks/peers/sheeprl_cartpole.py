"""How far sheeprl's Dreamer V3 XS comes on CartPole's state in a budget of processor seconds.

    peer/bin/python benchmarks/peers/sheeprl_cartpole.py --cpu-s 1300 --out sheeprl_cartpole.json

For the environment see `sheeprl_step.py`. Settings are its own, but for what is small here: XS,
one world, one thread. Runs without Foreworld; writes every episode's return with the step in the
world and the processor seconds at which it ended, and stops when the budget is spent.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ARGUMENTS = (
    "exp=dreamer_v3", "algo=dreamer_v3_XS", "env=gym", "env.id=CartPole-v1", "env.num_envs=1",
    "env.sync_env=True", "env.capture_video=False", "algo.cnn_keys.encoder=[]",
    "algo.cnn_keys.decoder=[]", "algo.mlp_keys.encoder=[vector]", "algo.mlp_keys.decoder=[vector]",
    "algo.total_steps=100000", "algo.run_test=False", "buffer.size=100000", "buffer.memmap=False",
    "buffer.checkpoint=False", "fabric.accelerator=cpu", "fabric.precision=32-true",
    "metric.log_level=1", "checkpoint.every=0", "checkpoint.save_last=False", "num_threads=1",
)  # fmt: skip
ENDED = re.compile(r"policy_step=(\d+), reward_env_\d+=\[?([\d.]+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu-s", type=float, default=1300.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ratio", type=float, default=1.0, help="updates for a step in the world")
    parser.add_argument("--out", type=Path, default=Path("sheeprl_cartpole.json"))
    args = parser.parse_args()
    if importlib.util.find_spec("sheeprl") is None:
        sys.exit("skipped: sheeprl is not installed in this environment")
    out = args.out.resolve()
    os.chdir(tempfile.mkdtemp())  # it writes its runs where it stands
    from lightning.fabric import Fabric
    from sheeprl.algos.dreamer_v3 import dreamer_v3
    from sheeprl.cli import run

    episodes: list[list[float]] = []
    updates, train = [0], dreamer_v3.train

    def counted(*given: Any, **kwargs: Any) -> Any:
        updates[0] += 1
        result = train(*given, **kwargs)
        if time.process_time() > args.cpu_s:
            finish()
        return result

    def listen(self: Any, *words: Any, **kwargs: Any) -> None:
        found = ENDED.search(" ".join(map(str, words)))
        if found:
            step, reward = int(found[1]), float(found[2])
            episodes.append([round(time.process_time(), 1), step, updates[0], reward])
            print(*episodes[-1], flush=True)

    def finish() -> None:
        last = [e[-1] for e in episodes[-10:]]
        row = {
            "what": "sheeprl 0.8.4, Dreamer V3 XS, CartPole-v1 from state, one thread",
            "columns": ["cpu_s", "steps in the world", "updates", "return of the episode"],
            "budget_cpu_s": args.cpu_s,
            "replay_ratio": args.ratio,
            "seed": args.seed,
            "updates": updates[0],
            "mean_of_last_10": sum(last) / max(len(last), 1),
            "best": max((e[-1] for e in episodes), default=None),
            "episodes": episodes,
        }
        out.write_text(json.dumps(row) + "\n")
        os._exit(0)

    dreamer_v3.train, Fabric.print = counted, listen
    sys.argv = ["sheeprl", *ARGUMENTS, f"seed={args.seed}", f"algo.replay_ratio={args.ratio}"]
    run()


if __name__ == "__main__":
    main()
