"""A family under test: how to build it small, and one trained copy that every check shares."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from toy import ToySampler, toy_specs, windows

from foreworld import catalog
from foreworld.config import from_dict
from foreworld.training.budget import Budget
from foreworld.training.loop import LoopConfig, Trainer
from foreworld.training.optimiser import OptimiserConfig
from foreworld.vocab import Batch, Spec, State, WorldModel, map_state, rollout

UPDATES = 300


class NoLogger:
    def scalars(self, step: int, values: Mapping[str, Any]) -> None: ...


@dataclass
class Subject:
    """One family on one variant of the toy world."""

    name: str  # as `catalog.resolve` takes it, or any name beside `family`
    discrete: bool
    family: type[WorldModel] | None = None
    teacher: Subject | None = None  # whose weights to take, in place of training

    @cached_property
    def model_class(self) -> type[WorldModel]:
        return self.family or catalog.resolve(catalog.FAMILIES, self.name)

    @property
    def specs(self) -> dict[str, Spec]:
        return toy_specs(self.discrete)

    def fresh(self, seed: int = 0) -> WorldModel:
        """A new model from the module's PRESETS["debug"], or from its default config."""
        presets = getattr(sys.modules[self.model_class.__module__], "PRESETS", {})
        torch.manual_seed(seed)
        config = from_dict(self.model_class.Config, presets.get("debug", {}))
        return self.model_class(self.specs, config)

    @cached_property
    def model(self) -> WorldModel:
        """Trained on the toy by the real loop, in eval mode; checks must not change it."""
        model = self.fresh()
        if self.teacher is not None:
            model.load_state_dict(self.teacher.model.state_dict(), strict=False)
            return model.eval().requires_grad_(False)
        config = LoopConfig(optimiser=OptimiserConfig(lr=1e-2, warmup=20), precision="float32")
        sampler, budget = ToySampler(self.discrete), Budget(updates=UPDATES)
        Trainer(model, sampler, budget, config, NoLogger(), save=lambda *_: None).train()
        return model.eval().requires_grad_(False)

    def windows(self, num: int, length: int, seed: int, **settings: Any) -> Batch:
        return windows(num, length, seed, self.discrete, **settings)

    @property
    def scored(self) -> list[str]:
        """Heads whose means are numbers that the toy knows."""
        known = ("image", "position", "far", "reward")
        return [head for head in known if head in self.model.heads]


def rows(batch: Batch, start: int | None = None, end: int | None = None) -> Batch:
    """The rows [start, end) of a batch in time."""
    return {key: value[:, start:end] for key, value in batch.items()}


def leaves(state: State) -> list[Tensor]:
    """All tensors of a state, nested ones too."""
    if isinstance(state, Tensor):
        return [state]
    return [] if state is None else [leaf for part in state for leaf in leaves(part)]


def told(model: WorldModel, state: State, heads: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Everything one can read from a state: its features and the mean of every head."""
    said = model.predict(state, heads)
    return {"features": model.features(state), **{k: p.mean for k, p in said.items()}}


def assert_same(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], message: str, exact: bool = False
) -> None:
    """Equal bit for bit, or to what rounding in another order may change."""
    for key in a:
        x, y = a[key].double(), b[key].double()
        assert x.shape == y.shape, (
            f"{key} has shapes {list(x.shape)} and {list(y.shape)}; {message}"
        )
        same = torch.equal(x, y) if exact else torch.allclose(x, y, rtol=1e-3, atol=1e-4)
        assert same, f"{key} differs by up to {float((x - y).abs().max()):.3g}: {message}"


CONTEXT, HORIZON = 4, 5  # rows seen, and steps imagined, where models are scored


def observed(model: WorldModel, batch: Batch) -> State:
    return model.observe(model.initial(len(batch["is_first"])), batch)


def imagined(model: WorldModel, batch: Batch, noise: Tensor | None = None) -> State:
    """States [B, HORIZON] under the recorded actions after the first CONTEXT rows."""
    start = observed(model, rows(batch, 0, CONTEXT))
    actions = batch["action"][:, CONTEXT - 1 : CONTEXT - 1 + HORIZON]
    return rollout(model, start, actions, noise)


def last_told(model: WorldModel, batch: Batch, noise: Tensor | None) -> dict[str, Tensor]:
    """All that is told of the last imagined state."""
    return told(model, map_state(lambda x: x[:, -1], imagined(model, batch, noise)))


Check = Callable[[Subject], None]
