"""What a peer does and what we do, in turn on the same machine: how many times as fast is ours?

python benchmarks/peers/compare.py sheeprl --python peer/bin/python       a training step
    sheeprl 2.97 s, ours 1.90 s a step: 1.56 times as fast, n = 3 rounds
                                          written to benchmarks/results/peer_sheeprl.json
python benchmarks/peers/compare.py simulusion --python peer/bin/python --steps 1
python benchmarks/peers/compare.py swm --python peer/bin/python --steps 1       a CEM decision

The peer lives in an environment of its own (its script says how to make one); without it the
comparison is skipped. Every round runs one after the other, so that both meet the same weather.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from foreworld.disk import write_json
from foreworld.evaluation import provenance

HERE = Path(__file__).parent
# Their script; ours and what makes it the equal case.
PEERS = {
    "sheeprl": ("sheeprl_step.py", ("training_speed.py", "rssm/base/vector/all", "--print")),
    "simulusion": ("simulusion_step.py", ("training_speed.py", "rssm/v1/motor/all", "--print")),
    "swm": ("swm_cem.py", ("planning_speed.py", "--decision", "jepa/base")),
}


def run(*command: str) -> dict[str, Any] | None:
    """The JSON on the last line that a command prints; None, and why, where it has none."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-3:]))
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--python", default=sys.executable, help="of the peer's environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="in each round, after one to warm up")
    args = parser.parse_args()
    script, (own_script, *case) = PEERS[args.peer]
    theirs, ours, loads = [], [], []
    for _ in range(args.rounds):
        loads.append(os.getloadavg()[0])
        peer = run(args.python, str(HERE / script), "--steps", str(args.steps))
        if peer is None:
            sys.exit(f"skipped: {args.peer} does not run here; {script} says how to install it")
        ours_script = str(HERE.parent / own_script)
        own = run(sys.executable, ours_script, *case, "--steps", str(args.steps))
        assert own is not None, "our own step does not run"
        theirs.append(median(peer["cpu_s"]))
        ours.append(own["step_cpu_s"])
    ratio = median(theirs) / median(ours)
    result = {
        "what": f"processor seconds, {' '.join(case)} and {args.peer} in turn, one thread each",
        "ratio": round(ratio, 3),
        "ratio_of_each_round": [round(t / o, 3) for t, o in zip(theirs, ours, strict=True)],
        "theirs_cpu_s": theirs,
        "ours_cpu_s": ours,
        "rounds": args.rounds,
        "steps_per_round": args.steps,
        "loads": loads,
        "provenance": provenance(),
    }
    write_json(HERE.parent / "results" / f"peer_{args.peer}.json", result)
    print(
        f"{args.peer} {median(theirs):.2f} s, ours {median(ours):.2f} s a step: "
        f"{ratio:.2f} times as fast, n = {args.rounds} rounds"
    )


if __name__ == "__main__":
    main()
