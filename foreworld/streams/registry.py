"""Finds and makes environments by id, bringing in the package that registers them.

"CartPole-v1"            Gymnasium's own
"foreworld/Tabletop-v0"  ours
"MiniGrid-Empty-5x5-v0"  imports minigrid first; where it is missing, says what to install
"my_pkg.envs:Mine-v0"    imports my_pkg.envs first
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator, registry

from foreworld.errors import require

OURS = "foreworld.worlds"
# Ids that start so need these modules, the last of which registers them; this extra brings them.
PACKAGES = {
    "MiniGrid-": (("minigrid",), "minigrid"),
    "BabyAI-": (("minigrid",), "minigrid"),
    "dm_control/": (("dm_control", "shimmy"), "dmc"),
    "ALE/": (("ale_py",), "atari"),
    "gym_pusht/": (("gym_pusht",), "pusht"),
    "BipedalWalker": (("Box2D",), "box2d"),
    "CarRacing": (("Box2D",), "box2d"),
    "LunarLander": (("Box2D",), "box2d"),
    "Vizdoom": (("vizdoom", "vizdoom.gymnasium_wrapper"), "doom"),
}


def find_spec(env_id: str) -> EnvSpec:
    """The registration of `env_id`.

    Raises ValueError for an unknown id (with the nearest ones), ModuleNotFoundError (with the
    command to type) for a missing package.
    """
    module, _, name = env_id.rpartition(":")
    _register(module, name)
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        near = difflib.get_close_matches(name, registry, n=3, cutoff=0.5)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise ValueError(
            f"no environment {name!r} is registered{hint}. For one of your own, name the module "
            "that registers it: 'my_package.envs:MyEnv-v0'"
        ) from error


def make_env(spec: EnvSpec, kwargs: Mapping[str, Any]) -> gymnasium.Env:
    """One environment; ImportError, with the command to type, where it needs a package."""
    try:
        return gymnasium.make(spec, disable_env_checker=True, **kwargs)
    except gymnasium.error.DependencyNotInstalled as error:  # no ImportError, though it is one
        raise ImportError(f"{spec.id}: {error}") from error


def can_render(spec: EnvSpec) -> bool:
    """Whether the environment's class says that it renders to arrays (a function says nothing)."""
    creator = spec.entry_point
    if isinstance(creator, str):
        try:
            creator = load_env_creator(creator)
        except (ImportError, gymnasium.error.DependencyNotInstalled):
            return False  # `make_env` meets the same error and explains it
    metadata = getattr(creator, "metadata", None)
    return isinstance(metadata, dict) and "rgb_array" in metadata.get("render_modes", [])


def _register(module: str, name: str) -> None:
    """Imports what registers `name`; nothing is imported before someone asks for it."""
    if module or name.startswith("foreworld/"):
        importlib.import_module(module or OURS)
    for prefix, (modules, extra) in PACKAGES.items():
        if name.startswith(prefix):
            for needed in modules:
                require(needed, extra)
