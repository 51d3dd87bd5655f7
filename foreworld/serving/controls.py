"""What a player needs to know of a model, in the words of docs/protocol.md."""

from __future__ import annotations

from typing import Any

from foreworld.vocab import WorldModel


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
