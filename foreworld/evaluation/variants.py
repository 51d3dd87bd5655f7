"""The subject's world made otherwise: one factor beyond what training met, or two of them.

    usual      every factor within its training range
    hue        the same, but hue from its test ranges
    hue+speed  both from theirs

The same starts and the same actions everywhere, so that two variants differ in nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from foreworld.evaluation.control import MakeStream
from foreworld.evaluation.played import random_actions
from foreworld.evaluation.subject import Subject
from foreworld.policies.wander import WanderPolicy
from foreworld.streams.collect import Stream
from foreworld.streams.registry import find_spec, make_env
from foreworld.vocab import Batch, Spec
from foreworld.worlds.factors import Factors, Wanted, shifts


def factors_of(subject: Subject) -> Factors:
    """What may differ between episodes of the subject's world; nothing where nobody says."""
    if subject.world is None:
        return {}
    env = make_env(find_spec(subject.world.env), subject.world.env_kwargs)
    try:
        return getattr(env.unwrapped, "FACTORS", {})
    finally:
        env.close()


def shifted(subject: Subject, wanted: Wanted) -> MakeStream:
    """The subject's world with these factors."""
    kwargs = {**subject.world.env_kwargs, "factors": wanted}
    return replace(subject.world, env_kwargs=kwargs).stream


def single_shifts(subject: Subject) -> dict[str, MakeStream]:
    """One factor each beyond its training range."""
    wishes = shifts(factors_of(subject))
    return {name: shifted(subject, wish) for name, wish in wishes.items()}


def paired_shifts(subject: Subject) -> dict[str, MakeStream]:
    """Two factors each, every factor in some pair: number i with number i + half of them."""
    table = factors_of(subject)
    names, half = list(table), (len(table) + 1) // 2
    wanted = {"+".join(pair) for pair in zip(names, names[half:], strict=False)}
    wishes = shifts(table, pairs=True)
    return {name: shifted(subject, wish) for name, wish in wishes.items() if name in wanted}


def actions_for(spec: Spec, episodes: int, rows: int, seed: int = 0) -> np.ndarray:
    """What is done, whatever is seen: a walk that gets about, [E, rows, ...]."""
    if spec.classes is not None:
        return random_actions(spec, episodes, rows, seed)
    policy = WanderPolicy(spec, seed)
    carry, drawn = policy.init(episodes), []
    for t in range(rows):
        carry, action = policy.act(carry, {"is_first": np.full(episodes, t == 0)})
        drawn.append(action)
    return np.stack(drawn, 1)


def watch(stream: Stream, actions: np.ndarray, seed: int) -> Batch:
    """Rows [E, T, ...] of worlds that are given `actions` [E, T, ...]; the last has none."""
    rows = [stream.reset(seed)]
    for t in range(actions.shape[1] - 1):
        rows.append(stream.step(actions[:, t]))
    batch = {k: torch.from_numpy(np.stack([row[k] for row in rows], 1)) for k in rows[0]}
    return {**batch, "action": torch.from_numpy(actions)}
