"""One CEM decision of stable-worldmodel: its solver and LeWorldModel's predictor, from embeddings.

    python -m venv peer
    peer/bin/pip install torch==2.13.0 torchvision stable-worldmodel==0.1.1
    peer/bin/python benchmarks/peers/swm_cem.py --steps 2

Runs without Foreworld, and prints one line of JSON: processor seconds of every decision after the
first. 300 candidates, 30 iterations, 5 steps; the predictor has the shape of our jepa/base: three
embeddings of 192, four blocks of 256, four heads. Start and goal are embedded beforehand, so that
no image is encoded. `compare.py` beside it runs this and our own decision in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time

import torch

CANDIDATES, ITERATIONS, ELITES, HORIZON, LATENT = 300, 30, 30, 5, 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    if importlib.util.find_spec("stable_worldmodel") is None:
        sys.exit("skipped: stable-worldmodel is not installed in this environment")
    torch.set_num_threads(1)
    # Its imports reach for torchvision, whose build for GPUs lacks these operators beside a CPU's
    # torch; nothing here calls them.
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import gymnasium
    from stable_worldmodel import PlanConfig
    from stable_worldmodel.solver.cem import CEMSolver
    from stable_worldmodel.wm.lewm.lewm import LeWM
    from stable_worldmodel.wm.lewm.module import Embedder, Predictor

    torch.manual_seed(0)
    predictor = Predictor(
        num_frames=3, depth=4, heads=4, mlp_dim=1024, input_dim=LATENT, hidden_dim=256,
        output_dim=LATENT, dim_head=64,
    )  # fmt: skip
    actions = Embedder(input_dim=2, smoothed_dim=2, emb_dim=LATENT)
    model = LeWM(torch.nn.Identity(), predictor, actions).eval().requires_grad_(False)
    solver = CEMSolver(model, num_samples=CANDIDATES, n_steps=ITERATIONS, topk=ELITES)
    space = gymnasium.spaces.Box(-1.0, 1.0, (1, 2))
    solver.configure(action_space=space, n_envs=1, config=PlanConfig(HORIZON, 1))
    picture = torch.zeros(1, 1, 3, 8, 8)
    seen = {"pixels": picture, "goal": picture, "emb": torch.randn(1, 1, LATENT)}
    seen["goal_emb"] = torch.randn(1, 1, LATENT)
    cpu_s = []
    for _ in range(args.steps + 1):
        began = time.process_time()
        solver.solve(dict(seen))
        cpu_s.append(time.process_time() - began)
    parameters = sum(p.numel() for p in predictor.parameters())
    row = {"cpu_s": cpu_s[1:], "parameters": parameters, "torch": torch.__version__}
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
