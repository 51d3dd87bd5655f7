"""Optimisers and chance go on exactly where they stopped, through JSON and safetensors."""

import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from foreworld.checkpoint import load_checkpoint, save_checkpoint
from foreworld.resume import (
    capture_rng,
    flatten_optimizer,
    flatten_state,
    restore_optimizer,
    restore_rng,
    restore_state,
)

OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=3e-3, betas=(0.8, 0.95)),
    "amsgrad": lambda p: torch.optim.Adam(p, amsgrad=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "rmsprop": lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5),
}


def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_resumes_to_the_bit(tmp_path, name):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = OPTIMIZERS[name](model.parameters())
    train(model, optimizer, 5)
    tensors, document = flatten_optimizer(optimizer)
    save_checkpoint(
        tmp_path / "c",
        arrays={"model": model.state_dict(), "optimizer": tensors},
        documents={"optimizer": document, "rng": capture_rng()},
    )
    train(model, optimizer, 5)

    other = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    other_optimizer = OPTIMIZERS[name](other.parameters())
    found = load_checkpoint(tmp_path / "c")
    other.load_state_dict(found.arrays["model"])
    restore_optimizer(other_optimizer, found.arrays["optimizer"], found.documents["optimizer"])
    restore_rng(found.documents["rng"])
    train(other, other_optimizer, 5)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_nests_keep_their_types_and_keys():
    nest = {
        0: {"step": torch.tensor(3.0)},
        "groups": [{"betas": (0.9, 0.99), "lr": 0.1, "x": None}],
    }
    tensors, document = flatten_state(nest)
    back = restore_state(tensors, json.loads(json.dumps(document)))
    assert back["groups"] == nest["groups"] and isinstance(back["groups"][0]["betas"], tuple)
    assert torch.equal(back[0]["step"], torch.tensor(3.0))


def test_what_only_pickle_could_store_is_named():
    with pytest.raises(ValueError, match="'groups.0.hook', a set, without pickle"):
        flatten_state({"groups": [{"hook": {1}}]})


def draws():
    return [torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()]


def test_global_chance_is_repeated():
    state = json.loads(json.dumps(capture_rng()))
    first = draws()
    assert draws() != first
    restore_rng(state)
    assert draws() == first


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generators_are_repeated(bits):
    ours = {
        "numpy": np.random.Generator(getattr(np.random, bits)(1)),
        "torch": torch.Generator().manual_seed(2),
        "python": random.Random(3),
    }

    def draw():
        coin = torch.rand(2, generator=ours["torch"]).tolist()
        return [
            *ours["numpy"].normal(size=3),
            ours["numpy"].integers(9),
            coin,
            ours["python"].gauss(),
        ]

    draw()
    state = json.loads(json.dumps(capture_rng(ours)))
    first = draw()
    restore_rng(state, ours)
    assert draw() == first
    with pytest.raises(ValueError, match="unknown generator 'nunpy'; did you mean 'numpy'"):
        restore_rng(state, {"nunpy": ours["numpy"]})
