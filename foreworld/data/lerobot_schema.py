"""What the keys of our episodes are called and stored as in a LeRobot dataset.

image  [96, 96, 3] ─▶ observation.images.image   video, or PNG files in the table
vector [4]         ─▶ observation.state          fixed-size lists; of more dimensions, nested ones
instruction        ─▶ task                       other texts: observation.<key>, strings
reward             ─▶ next.reward                one row earlier: beside the action that led to it
is_terminal        ─▶ next.done, next.truncated  in the last row
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from foreworld.vocab import Spec, Specs, lasting

How = Literal["number", "text", "task", "image", "video", "depth"]
TASK = "task"
SIDES = ["height", "width", "channels"]
MOST_DIMENSIONS = 5


@dataclass(frozen=True)
class Field:
    """One key as a feature."""

    key: str
    name: str
    how: How
    spec: Spec
    entry: dict[str, Any] = field(default_factory=dict)  # of info.json


def schema(specs: Specs, video: bool, depth: Collection[str]) -> list[Field]:
    """A field for every key that has numbers; goals are left out.

    depth: keys of metres [H, W] or [H, W, 1] that become depth video. Raises ValueError for what
    the format cannot hold.
    """
    specs = {key: spec for key, spec in lasting(specs).items() if spec.width}
    for key in depth:
        shape = specs[key].shape if key in specs else ()
        if key not in specs or len(shape) not in (2, 3) or shape[2:] not in ((), (1,)):
            raise ValueError(f"depth={key!r}: a key of shape [height, width], of {sorted(specs)}")
    texts = [key for key, spec in specs.items() if spec.kind == "text"]
    task = "instruction" if "instruction" in texts else (texts or [None])[0]
    fields = []
    for key, spec in specs.items():
        how: How = _how(key, spec, video, depth, task)
        name = TASK if how == "task" else _name(key, spec, specs)
        if name in (other.name for other in fields):
            raise ValueError(f"keys {key!r} and another would both be called {name}: rename one")
        fields.append(Field(key, name, how, spec, _entry(key, spec, how)))
    return fields


def _how(key: str, spec: Spec, video: bool, depth: Collection[str], task: str | None) -> How:
    if key in depth:
        return "depth"
    if spec.kind == "text":
        return "task" if key == task else "text"
    if spec.kind != "image":
        return "number"
    if spec.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"key {key!r} has {spec.shape[2]} channels: LeRobot's pictures have 1, 3 or 4"
        )
    return "video" if video and spec.shape[2] != 4 else "image"  # films have no transparency


def _name(key: str, spec: Spec, specs: Specs) -> str:
    """LeRobot's name for a key; policies look for one called observation.state."""
    plain = key.replace("/", ".")
    if key == "action":
        return key
    if spec.kind == "image":
        return f"observation.images.{plain}"
    states = [k for k, s in specs.items() if _is_state(k, s)]
    if "state" not in specs and states == [key]:
        return "observation.state"
    return f"observation.{plain}"


def _is_state(key: str, spec: Spec) -> bool:
    told = key != "action" and spec.kind == "vector" and len(spec.shape) == 1
    return told and spec.observed and not spec.record


def _entry(key: str, spec: Spec, how: How) -> dict[str, Any]:
    if how in ("image", "video"):
        return {"dtype": how, "shape": list(spec.shape), "names": SIDES}
    if how == "depth":
        return {"dtype": "video", "shape": [*spec.shape[:2], 1], "names": SIDES}
    if how == "text":
        return {"dtype": "string", "shape": [1], "names": None}
    if len(spec.shape) > MOST_DIMENSIONS:
        raise ValueError(f"key {key!r} has {len(spec.shape)} dimensions: LeRobot has at most 5")
    names = list(spec.names) if spec.names else None
    return {"dtype": np.dtype(spec.dtype).name, "shape": list(spec.shape) or [1], "names": names}
