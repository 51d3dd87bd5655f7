"""One instant of a session as a few kilobytes that are the same wherever they come from.

    kept = pack(session, model="232829e1d07982f9")
    name_of(kept)                      # its content's hash
    unpack(kept, model, "232829e1…")   # state, seed and frame: to be handed to `Session.begin`

Safetensors: tensors and text, no code. With state, seed and frame the same actions lead to the
same future, in whatever session.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from foreworld.sessions.session import Session
from foreworld.vocab import State, WorldModel

FORMAT = 1
MOST_BYTES = 1 << 20  # of a snapshot that is read
DIGITS = 32
NOTE = "foreworld"  # one key: more than one come in any order


class Instant(NamedTuple):
    """What a snapshot holds."""

    state: State  # leaves [1, ...]
    seed: int
    frame: int


def pack(session: Session, model: str, node: int | None = None) -> bytes:
    """The bytes of a node (None: where one stands). model: the hash of the weights."""
    chosen = session.tree.find(session.tree.here if node is None else node)
    note = {"format": FORMAT, "model": model, "seed": chosen.seed, "frame": chosen.frame}
    return to_bytes(session.state_of(chosen.id), {NOTE: json.dumps(note, sort_keys=True)})


def name_of(data: bytes) -> str:
    """32 hex digits that belong to this content alone."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def unpack(data: bytes, model: WorldModel, name: str) -> Instant:
    """What was packed. Raises ValueError for damaged bytes, or those of another model."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"a snapshot of {len(data)} bytes; at most {MOST_BYTES} are read")
    try:
        tensors = load(data)
        # The header is JSON behind its length; safetensors reads notes from files only.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        note = json.loads(header["__metadata__"][NOTE])
        seed, frame, theirs = int(note["seed"]), int(note["frame"]), note["model"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"this is no snapshot of a session: {error}") from None
    if theirs != name:
        raise ValueError(
            f"this snapshot was taken of model {theirs}, this one is {name}: play the run it was "
            "taken of"
        )
    return Instant(from_leaves(model.initial(1), tensors), seed, frame)


def to_bytes(state: State, notes: dict[str, str] | None = None) -> bytes:
    """Safetensors of a state's leaves; those that share memory each get their own."""
    return save(
        {name: leaf.cpu().contiguous().clone() for name, leaf in leaves(state).items()}, notes
    )


def leaves(state: State, name: str = "") -> dict[str, Tensor]:
    """Every tensor of a state by its place: fields, joined by dots."""
    if state is None:
        return {}
    if isinstance(state, Tensor):
        return {name: state}
    named = zip(getattr(state, "_fields", range(len(state))), state, strict=True)
    return {
        place: leaf
        for field, part in named
        for place, leaf in leaves(part, f"{name}.{field}" if name else str(field)).items()
    }


def from_leaves(template: State, tensors: dict[str, Tensor], name: str = "") -> State:
    """A state of the template's form. Raises ValueError where the tensors do not fit it."""
    if template is None:
        return None
    if isinstance(template, Tensor):
        leaf = tensors.get(name)
        if leaf is None or leaf.shape != template.shape or leaf.dtype != template.dtype:
            found = "nothing" if leaf is None else f"{leaf.dtype} {tuple(leaf.shape)}"
            raise ValueError(
                f"the snapshot holds {found} for {name!r}, not {template.dtype} "
                f"{tuple(template.shape)}"
            )
        return leaf.to(template.device)
    fields = getattr(template, "_fields", range(len(template)))
    parts = [
        from_leaves(part, tensors, f"{name}.{field}" if name else str(field))
        for field, part in zip(fields, template, strict=True)
    ]
    return type(template)(*parts) if hasattr(template, "_fields") else tuple(parts)
