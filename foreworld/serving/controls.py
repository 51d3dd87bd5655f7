"""What a player needs to know of a model, in the words of docs/protocol.md."""

from __future__ import annotations

from typing import Any

import numpy as np

from foreworld.vocab import Spec, WorldModel

AXES = (  # keys that lower and raise each part of a continuous action
    (("arrowleft", "a"), ("arrowright", "d")),
    (("arrowdown", "s"), ("arrowup", "w")),
    (("q",), ("e",)),
    (("k",), ("i",)),
    (("j",), ("l",)),
    (("n",), ("m",)),
)
CHOICES = (("arrowleft", "1"), ("arrowright", "2"), ("arrowup", "3"), ("arrowdown", "4"), *"567890")


def action_json(spec: Spec) -> dict[str, Any]:
    if spec.classes:
        return {
            "kind": "discrete",
            "shape": list(spec.shape),
            "classes": list(spec.classes),
            "rest": None,
        }
    low, high = _bounds(spec)
    rest = np.clip(0.0, low, high)
    return {
        "kind": "continuous",
        "shape": list(spec.shape),
        "low": [x if np.isfinite(x) else None for x in low.tolist()],
        "high": [x if np.isfinite(x) else None for x in high.tolist()],
        "rest": rest.tolist(),
    }


def keymap(spec: Spec) -> list[dict[str, Any]]:
    if spec.classes:
        return [
            {"keys": [*keys], "label": str(value), "part": 0, "value": value}
            for value, keys in zip(range(spec.classes[0]), CHOICES, strict=False)
        ]
    caps = []
    low, high = _bounds(spec)
    for part, (lower, raise_) in zip(range(spec.width), AXES, strict=False):
        least, most = (b[part] if np.isfinite(b[part]) else s for b, s in ((low, -1), (high, 1)))
        name = spec.names[part] if spec.names else "xyz"[part] if part < 3 else str(part)
        caps += [
            {"keys": [*lower], "label": f"{name} −", "part": part, "value": float(least)},
            {"keys": [*raise_], "label": f"{name} +", "part": part, "value": float(most)},
        ]
    return caps


def heads_json(model: WorldModel) -> dict[str, Any]:
    """All heads but pictures."""
    said: dict[str, Any] = {}
    for head in model.heads:
        spec = model.specs.get(head)
        if head == "continue":
            said[head] = {"kind": "probability"}
        elif spec is None or not spec.shape:
            said[head] = {"kind": "scalar"}
        elif spec.kind != "image":
            said[head] = {"kind": "vector", "names": spec.names, "size": spec.width}
    return said


def images_json(model: WorldModel) -> dict[str, Any]:
    sizes = {h: model.specs[h].shape for h in model.heads if h in model.specs}
    return {
        head: {"height": shape[0], "width": shape[1]}
        for head, shape in sizes.items()
        if model.specs[head].kind == "image"
    }


def _bounds(spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    low = -np.inf if spec.low is None else spec.low
    high = np.inf if spec.high is None else spec.high
    return tuple(np.broadcast_to(np.asarray(b, float).ravel(), spec.width) for b in (low, high))
