"""Foreworld: learn a world, imagine in it, plan in it, and measure how far it can be trusted.

    import foreworld as fw

    run = fw.load("runs/demo")
    state = run.model.initial(batch_size=1)

Names are imported when they are first used, so that `import foreworld` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

PUBLIC = {  # name: the module it lives in
    # the vocabulary
    "Batch": "foreworld.vocab",
    "Episode": "foreworld.vocab",
    "Loss": "foreworld.vocab",
    "Objective": "foreworld.vocab",
    "Phase": "foreworld.vocab",
    "Plan": "foreworld.vocab",
    "Planner": "foreworld.vocab",
    "Policy": "foreworld.vocab",
    "Prediction": "foreworld.vocab",
    "Spec": "foreworld.vocab",
    "Specs": "foreworld.vocab",
    "State": "foreworld.vocab",
    "Step": "foreworld.vocab",
    "WorldModel": "foreworld.vocab",
    "map_state": "foreworld.vocab",
    "predict_all": "foreworld.vocab",
    "repeat_state": "foreworld.vocab",
    "rollout": "foreworld.vocab",
    "stack_states": "foreworld.vocab",
    # data
    "EpisodeStore": "foreworld.episodes",
    "GymStream": "foreworld.streams",
    "Replay": "foreworld.replay",
    "collect": "foreworld.streams",
    # deciding
    "Cem": "foreworld.planners",
    "CostLimitObjective": "foreworld.planners",
    "DisagreementObjective": "foreworld.planners",
    "GoalObjective": "foreworld.planners",
    "Gradient": "foreworld.planners",
    "Icem": "foreworld.planners",
    "Mppi": "foreworld.planners",
    "PlannedPolicy": "foreworld.policies",
    "PredicateObjective": "foreworld.planners",
    "RandomPolicy": "foreworld.policies",
    "RewardObjective": "foreworld.planners",
    "WeightedObjective": "foreworld.planners",
    # runs
    "Run": "foreworld.run",
    "load": "foreworld.run",
    "load_policy": "foreworld.run",
    # dreaming
    "ImaginedEnv": "foreworld.sessions",
    "ImaginedVectorEnv": "foreworld.sessions",
    "StoreStarts": "foreworld.sessions",
}

__all__ = list(PUBLIC)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'foreworld' has no attribute {name!r}")
    value = getattr(importlib.import_module(PUBLIC[name]), name)
    globals()[name] = value  # the next time costs nothing
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
