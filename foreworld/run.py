"""A run: one directory with everything that one training made, and the door to its model.

    runs/demo/
      run.json          family, world, specs, model config, training config
      metrics.jsonl     what training logged
      episodes/         what was collected, with world.json (absent where a store elsewhere serves)
      checkpoints/      see `foreworld.checkpoint`; the newest complete one is loaded
      report.html       what the demo or an evaluation wrote

`load("runs/demo").model` is a `WorldModel`; `make_stream(run.world, 8, seed=0)` is its world.
Nothing that the files name is ever run: the family is looked up in the catalog, and a family of
your own must be named by you again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foreworld import catalog, config
from foreworld.checkpoint import latest, load_checkpoint, read_manifest, save_checkpoint
from foreworld.disk import write_json
from foreworld.streams import GymStream
from foreworld.vocab import Planner, Policy, Spec, Specs, WorldModel, lasting

if TYPE_CHECKING:
    from foreworld.training.learner import Learner

KEEP = 2  # checkpoints of a run that stay on disk


@dataclass(frozen=True)
class World:
    """How the steps were made, so that they can be made again: arguments of `GymStream`."""

    env: str  # a Gymnasium id
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    image_size: int | None = 64
    frame_skip: int = 1
    pixels: bool = False
    fast_pictures: bool = False

    def stream(self, num_envs: int, seed: int) -> GymStream:
        """Rows of `num_envs` parallel worlds; number i starts from seed + i."""
        return GymStream(
            self.env,
            num_envs,
            seed,
            image_size=self.image_size,
            frame_skip=self.frame_skip,
            pixels=self.pixels,
            env_kwargs=self.env_kwargs,
            fast_pictures=self.fast_pictures,
        )


@dataclass(frozen=True)
class Run:
    """An opened run directory."""

    path: Path
    model: WorldModel
    world: World | None
    step: int  # gradient steps behind the loaded weights
    document: Mapping[str, Any]  # run.json

    @property
    def store_path(self) -> Path:
        return Path(self.document.get("episodes") or self.path / "episodes")


def make_stream(world: World, num_envs: int, seed: int) -> GymStream:
    """The world as rows of `num_envs` parallel ones; number i starts from seed + i."""
    return world.stream(num_envs, seed)


def write_world(store: str | Path, world: World) -> None:
    """Note beside a store's manifest how its episodes were made.

    Raises ValueError if episodes of another world are there.
    """
    there = read_world(store)
    if there is not None and there != world:
        changes = (f"{k} {b!r}, not {a!r}" for k, (a, b) in config.diff(there, world).items())
        raise ValueError(
            f"{store} holds episodes of another world; asked for: {'; '.join(changes)}. "
            "Keep them apart: give this one a directory of its own"
        )
    write_json(Path(store) / "world.json", config.to_dict(world))


def read_world(store: str | Path) -> World | None:
    """How a store's episodes were made; None where nobody noted it."""
    file = Path(store) / "world.json"
    return config.load(World, file) if file.exists() else None


def build(family: str, specs: Specs, overrides: Mapping[str, Any], seed: int = 0) -> WorldModel:
    """A new model of a family (catalog name or `module:Class`), which never hears of goals.

    overrides: what differs from its default config.
    """
    model_class = catalog.resolve(catalog.FAMILIES, family)
    torch.manual_seed(seed)
    return model_class(lasting(specs), config.from_dict(model_class.Config, overrides))


def describe(
    path: str | Path,
    family: str,
    model: WorldModel,
    world: World | None,
    training: Mapping[str, Any],
    episodes: str | Path | None = None,
) -> None:
    """Write run.json. episodes: a store outside the run that it was trained on."""
    document = {
        "family": family,
        "config": config.to_dict(model.config),
        "specs": {k: s.to_json() for k, s in model.specs.items()},
        "world": config.to_dict(world) if world else None,
        "training": dict(training),
        "episodes": str(Path(episodes).absolute()) if episodes else None,
    }
    write_json(Path(path) / "run.json", document)


def read_document(path: str | Path) -> dict[str, Any]:
    """run.json of a run directory. Raises ValueError where there is none."""
    file = Path(path) / "run.json"
    if not file.exists():
        raise ValueError(
            f"{path} is not a run: it has no run.json; make one with: foreworld train --run {path}"
        )
    return json.loads(file.read_text())


def save(
    path: str | Path,
    arrays: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Any],
    step: int,
) -> Path:
    """Write a checkpoint of what `Trainer.state` gives into a run; the last few are kept."""
    name = f"{step:012d}"
    return save_checkpoint(
        Path(path) / "checkpoints" / name, arrays=arrays, documents=documents, step=step, keep=KEEP
    )


def load(path: str | Path, device: str = "cpu", family: str | None = None) -> Run:
    """Open a run with its newest complete checkpoint, ready to imagine (eval mode, no gradients).

    family: needed for models outside the catalog, because nothing that a file names is run.
    """
    path = Path(path)
    document = read_document(path)
    model = restore_model(document, family)
    newest = _newest(path)
    averaged = "average.safetensors" in read_manifest(newest)["files"]
    weights = "average" if averaged else "model"  # averaged weights foretell better
    checkpoint = load_checkpoint(newest, [weights])
    try:
        model.load_state_dict(checkpoint.arrays[weights])
    except RuntimeError as error:
        first = str(error).strip().splitlines()[1:2]
        raise ValueError(
            f"{newest} does not fit the {document['family']} of this version "
            f"({' '.join(first).strip()}): train it again, or open it with the version that made it"
        ) from None
    model.requires_grad_(False).eval().to(device)
    world = config.from_dict(World, document["world"]) if document["world"] else None
    return Run(path, model, world, checkpoint.step, document)


def make_learner(
    model: WorldModel, name: str | None, overrides: Mapping[str, Any]
) -> Learner | None:
    """A new learner of a policy, by its catalog name; None where none is wanted.

    overrides: what differs from its default config.
    """
    if name is None:
        return None
    learner_class = catalog.resolve(catalog.LEARNERS, name)
    return learner_class(model, config.from_dict(learner_class.Config, overrides))


def make_planner(name: str, settings: Mapping[str, Any]) -> Planner:
    """A planner of the catalog with what differs from its default settings."""
    return config.from_dict(catalog.resolve(catalog.PLANNERS, name), settings)


def load_policy(run: Run, sample: bool = False, seed: int = 0) -> Policy:
    """The policy that a run learned in imagination, as it was when `run` was loaded.

    sample: draw from its choices, as while it collects. Raises ValueError where there is none.
    """
    training = run.document["training"]
    name = training.get("learner")
    if name not in catalog.LEARNERS:  # as for families: what a file names is never run
        raise ValueError(
            f"{run.path} learned no policy in imagination: "
            f"foreworld train WORLD --learner {next(iter(catalog.LEARNERS))}"
        )
    learner = make_learner(run.model, name, training["learner_config"])
    assert learner is not None
    learner.load(policy_arrays(run)["policy"])
    return learner.policy(seed, sample)


def policy_arrays(run: Run) -> dict[str, dict[str, Tensor]]:
    """Weights of the policy that a run learned, as a group of a checkpoint; {}: it learned none."""
    newest = _newest(run.path)
    if "policy.safetensors" not in read_manifest(newest)["files"]:
        return {}
    return load_checkpoint(newest, ["policy"]).arrays


def restore_model(document: Mapping[str, Any], family: str | None = None) -> WorldModel:
    """The model that run.json describes, with fresh weights."""
    name = family or document["family"]
    if family is None and name not in catalog.FAMILIES:
        raise ValueError(
            f"this run's family {name!r} is not in the catalog, and names in files are not run; "
            f"if you trust it, say so: --family {name}"
        )
    specs = {k: Spec.from_json(v) for k, v in document["specs"].items()}
    return build(name, specs, document["config"])


def _newest(path: Path) -> Path:
    newest = latest(path / "checkpoints")
    if newest is None:
        raise ValueError(
            f"{path} has no complete checkpoint yet; train it: foreworld train --run {path}"
        )
    return newest
