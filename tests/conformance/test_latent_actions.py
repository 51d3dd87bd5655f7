"""A video without actions, learned by its latent ones, keeps all the promises of a world model."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pytest
import torch
from checks import CHECKS
from subject import NoLogger, Subject
from toy import ToySampler, toy_specs, windows

from foreworld.config import from_dict
from foreworld.families.genie import Genie, GenieConfig
from foreworld.families.genie_config import PRESETS
from foreworld.families.genie_diagnosis import nmi
from foreworld.training.budget import Budget
from foreworld.training.loop import LoopConfig, Trainer
from foreworld.training.optimiser import OptimiserConfig
from foreworld.vocab import RECORDED, Batch, Spec, WorldModel


class Video(ToySampler):
    """The toy with five moves, of which nobody noted any."""

    def sample(self, *args: Any, **kwargs: Any) -> Batch:
        return silent(super().sample(*args, **kwargs))


def silent(batch: Batch) -> Batch:
    return {**batch, "action": torch.zeros(*batch["is_first"].shape, 0)}


class Unlabelled(Subject):
    """Its actions are the codes that the model reads."""

    @property
    def specs(self) -> dict[str, Spec]:
        return self.model.specs

    def fresh(self, seed: int = 0) -> WorldModel:
        torch.manual_seed(seed)
        config = from_dict(GenieConfig, PRESETS["debug"] | {"labels": 0.0, "find": 0.5})
        return Genie({**toy_specs(True), "action": Spec((0,), "float32", "vector")}, config)

    @cached_property
    def model(self) -> WorldModel:
        model = self.fresh()
        config = LoopConfig(optimiser=OptimiserConfig(lr=1e-2, warmup=20), precision="float32")
        budget, sampler = Budget(updates=400), Video(discrete=True)
        Trainer(model, sampler, budget, config, NoLogger(), save=lambda *_: None).train()
        return model.eval().requires_grad_(False)

    def windows(self, num: int, length: int, seed: int, **settings: Any) -> Batch:
        read = dict(self.model.own(silent(windows(num, length, seed, True, **settings))))
        del read[RECORDED]
        return read


@pytest.fixture(scope="module")
def video() -> Unlabelled:
    return Unlabelled("genie", discrete=True)


# Whose truth is what a code does, which nobody knows before.
@pytest.mark.parametrize("check", sorted(CHECKS.keys() - {"actions_matter"}))
def test_conforms(video: Unlabelled, check: str):
    CHECKS[check](video)


def test_codes_are_the_moves(video: Unlabelled):
    moves = windows(64, 8, seed=96, discrete=True)["action"][:, :-1]
    codes = video.windows(64, 8, seed=96)["action"][:, :-1]
    assert nmi(codes.flatten(), moves.flatten()) > 0.6
