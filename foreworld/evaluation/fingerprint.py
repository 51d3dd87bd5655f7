"""Short names for long things: sixteen hex digits that change when a model, data or protocol does.

of_protocol(Protocol())  # "3f0c…": stands beside every number that was measured under it
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from foreworld.config import to_dict
from foreworld.evaluation.subject import Protocol
from foreworld.vocab import RECORDED, Episode, WorldModel

DIGITS = 16


def of_json(data: Any) -> str:
    """Of plain data, whatever the order of its keys."""
    return _hex(json.dumps(data, sort_keys=True, default=str).encode())


def of_protocol(protocol: Protocol) -> str:
    return of_json(to_dict(protocol))


def of_model(model: WorldModel) -> str:
    """Of its class, its config and all its weights."""
    said = hashlib.sha256(of_json([type(model).__name__, to_dict(model.config)]).encode())
    for name, weights in sorted(model.state_dict().items()):
        said.update(name.encode())
        said.update(weights.detach().cpu().contiguous().reshape(-1).view(dtype=torch.uint8).numpy())
    return said.hexdigest()[:DIGITS]


def of_episode(episode: Episode) -> str:
    """Of everything that happened in it; what a model reads into it (`owned`) did not."""
    steps = dict(episode.steps)
    if RECORDED in steps:
        steps["action"] = steps.pop(RECORDED)
    said = hashlib.sha256()
    for key in sorted(steps):
        said.update(key.encode())
        said.update(np.ascontiguousarray(steps[key]).tobytes())
    return said.hexdigest()[:DIGITS]


def of_data(episodes: Iterable[Episode]) -> str:
    """Of all episodes, in order."""
    return of_json([of_episode(episode) for episode in episodes])


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]
