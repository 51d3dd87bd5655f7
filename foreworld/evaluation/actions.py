"""The actions under which futures are imagined, from a word or from numbers.

recorded        what was done in the episode
random          uniform within the bounds, drawn anew at every step
constant        the first recorded action, held
"0.5,0;0,1"     these, step by step; the last one is held
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from foreworld.errors import nearest
from foreworld.evaluation.windows import Windows
from foreworld.policies import RandomPolicy
from foreworld.vocab import Spec

WORDS = ("recorded", "random", "constant")


def chosen_actions(text: str, spec: Spec, windows: Windows, seed: int = 0) -> Tensor:
    """Actions [M, H, ...] for every window.

    Raises ValueError for words and numbers that are none of the above, or out of bounds.
    """
    recorded = windows.actions
    rows, horizon = recorded.shape[:2]
    if text == "recorded":
        return recorded
    if text == "constant":
        return recorded[:, :1].expand_as(recorded)
    if text == "random":
        policy, steps = RandomPolicy(spec, seed), []
        carry = policy.init(rows)
        for _ in range(horizon):
            carry, action = policy.act(carry, {"is_first": np.zeros(rows, bool)})
            steps.append(action)
        return torch.from_numpy(np.stack(steps, 1))
    given = parse_actions(text, spec)
    if len(given) > horizon:
        raise ValueError(
            f"{len(given)} actions for {horizon} imagined steps; type: --horizon {len(given)}"
        )
    held = np.concatenate([given, np.repeat(given[-1:], horizon - len(given), 0)])
    return torch.from_numpy(held).expand(rows, *held.shape)


def parse_actions(text: str, spec: Spec) -> np.ndarray:
    """Numbers like "0.5,0;0,1" as actions [n, ...]: steps apart by semicolons."""
    size = len(spec.classes) if spec.classes else spec.width
    try:
        steps = [[float(number) for number in step.split(",")] for step in text.split(";")]
    except ValueError:
        word = nearest(text, WORDS)
        hint = f"did you mean {word!r}? " if word else ""
        raise ValueError(
            f"cannot read the actions {text!r}; {hint}Valid: {', '.join(WORDS)}, or {size} "
            f"number{'s' * (size > 1)} a step, as in {_example(size)!r}"
        ) from None
    if any(len(step) != size for step in steps):
        raise ValueError(
            f"the actions {text!r} have steps of {sorted({len(s) for s in steps})} numbers; this "
            f"world takes {size} a step, as in {_example(size)!r}"
        )
    actions = np.array(steps)
    _check_range(actions, spec)
    return actions.astype(spec.dtype).reshape(-1, *spec.shape)


def _check_range(actions: np.ndarray, spec: Spec) -> None:
    if spec.classes:
        low, high = np.zeros(len(spec.classes)), np.array(spec.classes) - 1
        whole = actions == np.round(actions)
    else:
        low = np.ravel(-np.inf if spec.low is None else spec.low)
        high = np.ravel(np.inf if spec.high is None else spec.high)
        whole = np.ones_like(actions, bool)
    bad = ~((actions >= low) & (actions <= high) & whole)
    if bad.any():
        kind = "whole numbers" if spec.classes else "numbers"
        raise ValueError(
            f"step {int(np.argwhere(bad)[0][0]) + 1} of the actions has {actions[bad][0]:g}; this "
            f"world takes {kind} from {low.tolist()} to {high.tolist()}"
        )


def _example(size: int) -> str:
    return ";".join(",".join(["0"] * size) for _ in range(2))
