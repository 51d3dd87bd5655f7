"""What states, predictions and losses look like."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from subject import HORIZON, Subject, assert_same, last_told, leaves, observed, told

from foreworld.checkpoint import load_checkpoint, save_checkpoint
from foreworld.config import from_dict, to_dict
from foreworld.vocab import map_state, target_keys


def states_are_values(subject: Subject) -> None:
    """A NamedTuple of tensors [B, ...] with a leaf `action`; all verbs keep its form."""
    model, batch = subject.model, subject.windows(3, 4, seed=0)
    first = model.initial(3)
    assert isinstance(first, tuple) and hasattr(first, "_fields"), "initial: not a NamedTuple"
    assert "action" in first._fields, "the state has no leaf `action`"
    spec = subject.specs["action"]
    assert first.action.shape == (3, *spec.shape), f"action has shape {first.action.shape}"
    assert str(first.action.dtype) == f"torch.{spec.dtype}", f"action is {first.action.dtype}"
    assert not first.action.any(), "initial: an action is zero until it is chosen"
    seen = model.observe(first, batch)
    next = model.imagine(seen, batch["action"][:, -1])
    assert torch.equal(seen.action, batch["action"][:, -1]), (
        "observe must keep the last row's action"
    )
    form = [(leaf.shape, leaf.dtype) for leaf in leaves(first)]
    for verb, state in (("observe", seen), ("imagine", next)):
        assert type(state) is type(first), f"{verb} returns {type(state).__name__}"
        found = [(leaf.shape, leaf.dtype) for leaf in leaves(state)]
        assert found == form, f"{verb} changes the state's form from {form} to {found}"
        assert all(leaf.shape[0] == 3 for leaf in leaves(state)), f"{verb}: leaves are not [B, ...]"
    everything = told(model, seen)
    read = seen._replace(**dict.fromkeys(model.caches))
    assert_same(told(model, read), everything, "the caches are read by more than imagine")
    picked = map_state(lambda x: x[[2, 0]], seen)
    expected = {key: value[[2, 0]] for key, value in everything.items()}
    assert_same(told(model, picked), expected, "rows of a state can be picked like rows of a table")


def features_are_flat(subject: Subject) -> None:
    """[B, D], floating, finite."""
    for batch_size in (1, 3):
        state = observed(subject.model, subject.windows(batch_size, 4, seed=0))
        features = subject.model.features(state)
        assert features.ndim == 2 and len(features) == batch_size, f"features {features.shape}"
        assert features.is_floating_point() and features.isfinite().all(), "features not finite"


def predictions_have_shapes(subject: Subject) -> None:
    """Means [B, *spec.shape], finite, and losses [B]; images lie in about [0, 1]."""
    model, batch = subject.model, subject.windows(3, 4, seed=0)
    last = {key: value[:, -1] for key, value in batch.items()}
    last["continue"] = 1 - last["is_terminal"].float()
    for head, said in model.predict(observed(model, batch)).items():
        spec = subject.specs.get("action" if head == "policy" else head)
        shape = (3, *(spec.shape if spec else ()))
        assert said.mean.shape == shape, f"{head}: mean {list(said.mean.shape)}, not {list(shape)}"
        assert said.mean.isfinite().all(), f"{head}: the mean is not finite"
        image = spec is not None and spec.kind == "image"
        if image:
            assert said.mean.abs().max() < 3, f"{head}: images are predicted in [0, 1]"
        if head in last:
            target = last[head] / 255 if image else last[head]
            loss = said.loss(target)
            assert loss.shape == (3,) and loss.isfinite().all(), f"{head}: loss {loss.shape}"


def heads_can_be_chosen(subject: Subject) -> None:
    """`predict` answers to exactly `model.heads`, limits itself, and names them on a mistake."""
    model = subject.model
    state = model.initial(2)
    assert isinstance(model.heads, tuple) and model.heads, "heads must be a tuple of names"
    known = {*target_keys(subject.specs), "reward", "continue", "value", "policy"}
    assert set(model.heads) <= known, f"heads {set(model.heads) - known} are no keys of the world"
    assert set(model.predict(state)) == set(model.heads), "predict() must give every head"
    everything = told(model, state)
    for head in model.heads:
        only = model.predict(state, [head])
        assert list(only) == [head], f"predict(heads=[{head!r}]) gave {list(only)}"
        assert_same({head: only[head].mean}, everything, "it depends on which others were asked")
    with pytest.raises(ValueError) as error:
        model.predict(state, ["no_such_head"])
    missing = [head for head in model.heads if head not in str(error.value)]
    assert not missing, f"the error for an unknown head does not name {missing}: {error.value}"


def losses_are_usable(subject: Subject) -> None:
    """Finite, [B, T] or [B], with gradients; one can imagine from the detached start states."""
    model, batch = subject.fresh(), subject.windows(4, 8, seed=0, seams=0.2)
    out = model.loss(batch)
    assert out.losses, "loss: no losses"
    for name, value in out.losses.items():
        assert value.is_floating_point() and value.isfinite().all(), f"loss {name} is not finite"
        assert value.ndim in (1, 2), f"loss {name} has shape {list(value.shape)}: [B, T] or [B]"
    torch.stack([value.mean() for value in out.losses.values()]).sum().backward()
    grown = [p for p in model.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert grown, "loss: no parameter has a gradient"
    number = out.starts.action.shape[0]
    assert number >= 1, "loss: no start states"
    assert not any(leaf.requires_grad for leaf in leaves(out.starts)), "starts are not detached"
    model.imagine(out.starts, torch.zeros_like(out.starts.action))
    assert model.phases(), "phases: none"


def config_survives_json(subject: Subject) -> None:
    """What `to_dict` writes, `from_dict` reads."""
    config = subject.model.config
    assert isinstance(config, subject.model_class.Config), "model.config is not a Config"
    assert from_dict(subject.model_class.Config, to_dict(config)) == config


def saves_and_loads(subject: Subject) -> None:
    """Through a checkpoint into a model of another seed: the same outputs bit for bit."""
    model, other = subject.model, subject.fresh(seed=1)
    with TemporaryDirectory() as folder:
        path = save_checkpoint(
            Path(folder) / "c", arrays={"model": model.state_dict()}, documents={}
        )
        other.load_state_dict(load_checkpoint(path).arrays["model"])
    other.eval().requires_grad_(False)
    batch, noise = subject.windows(3, 9, seed=0), model.noise(3, HORIZON, seed=1)
    for drawn in (None, noise):
        a, b = (last_told(m, batch, drawn) for m in (model, other))
        assert_same(a, b, "after saving and loading; is everything in state_dict?", exact=True)
