"""What planning to a goal can reach in the rooms at best: by a model that knows everything.

    python benchmarks/rooms_planning.py --episodes 200

    fixed   random           0.01 [0.00, 0.04], n = 200
    fixed   default          1.00 [0.98, 1.00], n = 200      ...

A score that is in benchmarks/results/rooms_planning.json is not measured again.

The oracle sees `facts`, imagines with the true laws, and its features are the dot's place: near
means near as the crow flies, walls or not. "default" is what `foreworld evaluate --judge goal` does
where nothing else is asked, chosen on other starts than these.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from foreworld.catalog import PLANNERS, POLICIES, resolve
from foreworld.disk import write_json
from foreworld.evaluation import HELD_OUT, evaluate_policy, provenance
from foreworld.evaluation.control import Score
from foreworld.outputs import Mse
from foreworld.policies.goal import GoalPolicy
from foreworld.streams import GymStream
from foreworld.vocab import Batch, Loss, Policy, Spec, WorldModel, goals_of
from foreworld.worlds.rooms_physics import HALF, RADIUS, STEP

RESULT = Path(__file__).parent / "results" / "rooms_planning.json"


class Known(NamedTuple):
    """The dot's place, and the four facts about the wall."""

    place: Tensor  # [B, 2]
    wall: Tensor  # [B, 4]
    action: Tensor  # [B, 2]


class Oracle(WorldModel):
    """The laws of the rooms for dots of the usual size and speed."""

    Config = object
    heads = ("facts",)

    def __init__(self, specs: Mapping[str, Spec]) -> None:
        super().__init__()
        self.specs = {"action": specs["action"], "facts": replace(specs["facts"], observed=True)}
        self.nothing = nn.Parameter(torch.zeros(0))

    def initial(self, batch_size: int) -> Known:
        return Known(*(torch.zeros(batch_size, n) for n in (2, 4, 2)))

    def observe(self, state: Known, batch: Batch) -> Known:
        facts = batch["facts"][:, -1]
        return Known(facts[:, :2], facts[:, 2:], batch["action"][:, -1])

    def imagine(self, state: Known, action: Tensor, noise: Tensor | None = None) -> Known:
        place = moved(state.place, STEP * action.clamp(-1, 1), blocks(state.wall))
        return Known(place, state.wall, torch.zeros_like(action))

    def predict(self, state: Known, heads=None):
        return {"facts": Mse(torch.cat([state.place, state.wall], -1), 1)}

    def features(self, state: Known) -> Tensor:
        return state.place

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError("there is nothing left to learn")

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0)


def blocks(wall: Tensor) -> Tensor:
    """Where the dot's centre cannot be, for walls [B, 4]: low and high corners [B, 6, 2, 2]."""
    x, width, y, door = wall.unbind(-1)
    half, inf = torch.full_like(x, HALF - RADIUS), torch.full_like(x, torch.inf)
    left, right = x - width / 2 - RADIUS, x + width / 2 + RADIUS
    bottom, top = y - door / 2 + RADIUS, y + door / 2 - RADIUS
    corners = [
        (-inf, -inf, -half, inf),
        (half, -inf, inf, inf),
        (-inf, -inf, inf, -half),
        (-inf, half, inf, inf),
        (left, -inf, right, bottom),
        (left, top, right, inf),
    ]
    return torch.stack([torch.stack(c, -1) for c in corners], 1).unflatten(-1, (2, 2))


def moved(place: Tensor, motion: Tensor, walls: Tensor) -> Tensor:
    """Places [B, 2] after motions [B, 2] that slide along walls [B, 6, 2, 2]."""
    for _ in range(2):
        share, axis, face = contact(place, motion, walls)
        met = axis[:, None] == torch.arange(2)
        place = torch.where(met, face[:, None], place + share[:, None] * motion)
        motion = torch.where(met, 0.0, (1 - share)[:, None] * motion)
    return place


def contact(place: Tensor, motion: Tensor, walls: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """After which share [B] a wall is met, across which axis [B] (2: none), and where [B]."""
    low, high = walls.unbind(2)  # [B, 6, 2]
    p, v = place[:, None], motion[:, None]
    still, inside = v == 0, (low < p) & (p < high)
    ends = torch.stack([(low - p) / v, (high - p) / v])
    enter = torch.where(still, torch.where(inside, -torch.inf, torch.inf), ends.amin(0))
    leave = torch.where(still, torch.where(inside, torch.inf, -torch.inf), ends.amax(0))
    when, axis = enter.max(-1)  # [B, 6]
    meets = (when >= -1e-4) & (when < leave.amin(-1)) & (when < 1)  # float32: just inside counts
    share, which = torch.where(meets, when, torch.inf).min(-1)
    axis = axis.gather(1, which[:, None])
    face = torch.where(v > 0, low, high).gather(1, which[:, None, None].expand(-1, 1, 2))[:, 0]
    face = face.gather(1, axis)[:, 0]
    none = share.isinf()
    return share.clamp(0, 1).masked_fill(none, 1.0), axis[:, 0].masked_fill(none, 2), face


@dataclass(frozen=True)
class Setting:
    """How a goal is planned for; the defaults are those of the command line."""

    planner: str = "icem"
    reduce: str = "min"  # the distance that counts: the least along the way, their sum, the last
    horizon: int = 30
    action_block: int = 5
    replan_every: int = 5
    candidates: int = 256
    iterations: int = 4

    def policy(self, model: WorldModel, goals: Mapping[str, str]) -> Policy:
        planner = resolve(PLANNERS, self.planner)(
            horizon=self.horizon,
            action_block=self.action_block,
            num_candidates=self.candidates,
            num_elites=self.candidates // 8,
            iterations=self.iterations,
        )
        return GoalPolicy(model, planner, goals, self.replan_every, reduce=self.reduce)


QUICK = Setting(candidates=128, iterations=3)
SETTINGS = {
    "default": Setting(),
    "quick": QUICK,  # the others turn one thing of this one
    "quicker still": replace(QUICK, candidates=64, iterations=2),
    "white noise": replace(QUICK, planner="cem"),
    "no blocks": replace(QUICK, action_block=1),
    "12 steps ahead": replace(QUICK, horizon=12, action_block=1),
    "12 steps ahead, white noise": replace(QUICK, planner="cem", horizon=12, action_block=1),
    "sum of distances": replace(QUICK, reduce="sum"),
    "last distance": replace(QUICK, reduce="last"),
}
BASELINES = ("random", "noop", "expert")


def make_stream(wall: str, num_envs: int, seed: int) -> GymStream:
    return GymStream(
        "foreworld/Rooms-v0", num_envs, seed, env_kwargs={"wall": wall, "image_size": 16}
    )


def score(wall: str, name: str, episodes: int, seed: int) -> Score:
    """Of a setting or a baseline, on the starts of these seeds."""
    specs = make_stream(wall, 1, 0).specs
    if name in SETTINGS:
        policy = SETTINGS[name].policy(Oracle(specs), goals_of(specs))
    else:
        policy = resolve(POLICIES, name)(specs["action"], 0)
    return evaluate_policy(policy, partial(make_stream, wall), episodes, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=HELD_OUT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    asked = {
        "what": "reaching a goal in the other room with the true laws and the dot's place",
        "settings": {name: vars(setting) for name, setting in SETTINGS.items()},
        "protocol": {**vars(args), "max_steps": 100, "task": "cross"},
    }
    there = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    scores = there["scores"] if {k: there.get(k) for k in asked} == asked else {}
    for wall in ("fixed", "random"):
        for name in (*BASELINES, *SETTINGS):
            if f"{wall}: {name}" not in scores:
                found = score(wall, name, args.episodes, args.seed)
                scores[f"{wall}: {name}"] = found.to_json()
                write_json(RESULT, {**asked, "scores": scores, "provenance": provenance()})
                print(f"{wall:<7} {name:<28} {found.success}", flush=True)
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
