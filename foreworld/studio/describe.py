"""What can be done in a world and what its model says, in the words of docs/protocol.md.

Apart from the server, so that a world can be exported where none is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foreworld.studio.keymap import Keymap
from foreworld.vocab import Spec, Specs


def describe(keymap: Keymap, specs: Specs, heads: Sequence[str]) -> dict[str, Any]:
    """What can be done in a world, and what its model says; an exported world says the same."""
    images = [h for h in heads if h in specs and specs[h].kind == "image"]
    return {
        "action": _action(keymap),
        "keymap": keymap.to_json(),
        "heads": {h: _head(h, specs.get(h)) for h in heads if h not in images},
        "images": {h: size_json(specs[h].shape) for h in images},
    }


def _action(keymap: Keymap) -> dict[str, Any]:
    spec, rest = keymap.spec, keymap.rest
    common = {
        "shape": spec.shape,
        "names": keymap.names,
        "rest": None if rest is None else rest.tolist(),
    }
    if spec.classes:
        return {"kind": "discrete", "classes": spec.classes, **common}
    return {
        "kind": "continuous",
        "low": _all(spec.low, spec),
        "high": _all(spec.high, spec),
        **common,
    }


def _all(bound: Any, spec: Spec) -> list[float] | None:
    if bound is None:
        return None
    return list(bound) if isinstance(bound, tuple) else [bound] * spec.width


def _head(name: str, spec: Spec | None) -> dict[str, Any]:
    if spec is None:
        return {"kind": "probability" if name == "continue" else "scalar", "unit": None}
    if spec.classes:
        return {"kind": "discrete", "classes": spec.classes, "names": spec.names}
    if not spec.shape:
        return {"kind": "scalar", "unit": spec.unit}
    return {"kind": "vector", "names": spec.names, "size": spec.width, "unit": spec.unit}


def size_json(shape: tuple[int, ...]) -> dict[str, int]:
    return {"height": shape[0], "width": shape[1]}
