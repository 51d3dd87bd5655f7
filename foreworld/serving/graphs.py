"""The verbs of a model as functions of named tensors, which is what can be carried away.

    imagine   state.*, action, noise      -> next.*     one step with eyes closed
    predict   state.*                     -> heads      the mean of each
    observe   state.*, keys, is_first     -> next.*     one real step folded in

A star stands for the leaves of a state, named as in its NamedTuple: "deter", nested "cache.keys".
Leaves without numbers, such as the instruction of a world without words, are left out. Every tensor
is [B, ...] of one instant, with a number of rows B that is chosen once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from foreworld.sessions.snapshot import leaves
from foreworld.vocab import Spec, State, WorldModel, map_state, observation_keys

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Graph:
    """A verb with an example of what goes in, and the names of what comes out."""

    name: str
    verb: nn.Module
    inputs: Tensors
    outputs: tuple[str, ...]


def numbers(state: State) -> Tensors:
    """The leaves of a state by name, without those that hold no numbers."""
    return {name: leaf for name, leaf in leaves(state).items() if leaf.numel()}


def with_leaves(like: State, tensors: Sequence[Tensor]) -> State:
    """A state of the form of `like`, made of what `numbers` gave, in its order."""
    rest = iter(tensors)
    return map_state(lambda old: next(rest) if old.numel() else old, like)


def make_graphs(
    model: WorldModel, rows: int = 1, heads: Sequence[str] | None = None
) -> list[Graph]:
    """The verbs for states of so many rows; heads: what `predict` says (None: everything).

    The model is expected to stand still: eval mode, no gradients.
    """
    state = model.initial(rows)
    has = numbers(state)
    action = _examples({"action": model.specs["action"]}, rows)
    noise = {"noise": model.noise(rows, 1, seed=0)[:, 0]}
    chance = {name: x for name, x in noise.items() if x.numel()}  # some models draw nothing
    keys = observation_keys(model.specs)
    seen = _examples({k: model.specs[k] for k in keys}, rows)
    first = {"is_first": torch.ones(rows, dtype=torch.bool)}
    said = tuple(heads or model.heads)
    # Clones: a tensor that is two leaves of `initial` would be one input of the graph.
    before = {f"state.{name}": x.clone() for name, x in has.items()}
    after = tuple(f"next.{name}" for name in has)
    return [
        Graph("imagine", Imagine(model, state), before | action | chance, after),
        Graph("predict", Predict(model, state, said), before, said),
        Graph("observe", Observe(model, state, keys), before | seen | first, after),
    ]


class Verb(nn.Module):
    """What takes the leaves of a state, and then something else."""

    def __init__(self, model: WorldModel, like: State) -> None:
        super().__init__()
        self.model, self.like = model, like
        self.count = len(numbers(like))
        self.train(model.training)

    def split(self, inputs: tuple[Tensor, ...]) -> tuple[State, tuple[Tensor, ...]]:
        return with_leaves(self.like, inputs[: self.count]), inputs[self.count :]


class Imagine(Verb):
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        state, (action, *noise) = self.split(inputs)
        return _out(self.model.imagine(state, action, *noise))


class Predict(Verb):
    def __init__(self, model: WorldModel, like: State, heads: Sequence[str]) -> None:
        super().__init__(model, like)
        self.heads = list(heads)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        said = self.model.predict(self.split(inputs)[0], self.heads)
        return tuple(said[head].mean for head in self.heads)


class Observe(Verb):
    """The action that led here is the leaf `action`: write it there before the next step."""

    def __init__(self, model: WorldModel, like: State, keys: Sequence[str]) -> None:
        super().__init__(model, like)
        self.keys = [*keys, "is_first"]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        state, seen = self.split(inputs)
        batch = {k: x.unsqueeze(1) for k, x in zip(self.keys, seen, strict=True)}
        batch["action"] = torch.zeros_like(state.action).unsqueeze(1)  # it is yet to be chosen
        return _out(self.model.observe(state, batch))


def _out(state: State) -> tuple[Tensor, ...]:
    return tuple(numbers(state).values())


def _examples(specs: Mapping[str, Spec], rows: int) -> Tensors:
    """Zeros, which every spec can be given."""
    return {
        key: torch.zeros(rows, *spec.shape, dtype=cast(torch.dtype, getattr(torch, spec.dtype)))
        for key, spec in specs.items()
    }
