"""How each simulator tells and takes back its state, found by the module of an environment's class.

get_state(), set_state(state)   ours, and any of yours: the state is all there is, a value
classic control, MiniGrid       Python attributes and nothing else
MuJoCo, dm_control              mjData as a whole, and what tasks write into the model
ALE                             the emulator's own state, its generator included
PushT                           see `foreworld.worlds.pymunk_space`
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from foreworld.worlds.pymunk_space import load_space, save_space


class Simulator(NamedTuple):
    """What `snapshot` has to know about the innermost environment."""

    holders: Callable[[Any], list[Any]]  # the objects whose Python attributes are state,
    stays: frozenset[str]  # but for these: they hold no state, or `save` knows it
    save: Callable[[Any], Any]  # what lies outside of Python, as a value
    load: Callable[[Any, Any], None]


def find_simulator(env: Any) -> Simulator:
    """How to keep an unwrapped environment. Raises ValueError where nobody knows."""
    if hasattr(env, "get_state") and hasattr(env, "set_state"):
        return PROTOCOL
    for ancestor in type(env).__mro__:
        for module, simulator in SIMULATORS.items():
            if f"{ancestor.__module__}.".startswith(f"{module}."):
                return simulator
    raise ValueError(
        f"{type(env).__name__} cannot be put back to an earlier instant; what can: "
        f"{', '.join(SIMULATORS)}, and every environment with get_state() and set_state(state), "
        "exact and complete, its generator included"
    )


def _itself(env: Any) -> list[Any]:
    return [env]


def _nothing(env: Any) -> list[Any]:
    return []


# --- Python alone ------------------------------------------------------------------------------

PROTOCOL = Simulator(
    _nothing, frozenset(), lambda env: env.get_state(), lambda env, state: env.set_state(state)
)
WINDOWS = frozenset({"screen", "surf", "clock", "window", "render_surface", "window_surface"})
PYTHON = Simulator(_itself, WINDOWS | {"spec"}, lambda env: None, lambda env, state: None)


# --- MuJoCo ------------------------------------------------------------------------------------

# Setting mjSTATE_INTEGRATION and calling mj_forward, the usual recipe, brings back the motion but
# not all that is read off it: after mj_step the places of bodies lag one step of integration behind
# the joints, tasks reward their difference, and mj_forward makes them up to date. Hence all of it.


def _save_mujoco(model: Any, data: Any) -> tuple[dict[str, np.ndarray], Any]:
    return {name: getattr(model, name).copy() for name in _arrays(model)}, copy.copy(data)


def _load_mujoco(model: Any, data: Any, kept: tuple[dict[str, np.ndarray], Any]) -> None:
    import mujoco

    arrays, then = kept
    for name, array in arrays.items():
        getattr(model, name)[...] = array
    mujoco.mj_copyData(data, model, then)


def _arrays(model: Any) -> tuple[str, ...]:
    """What of a model may change while it runs: tasks move targets, and raise the ground."""
    return _array_names(type(model))


@cache
def _array_names(kind: type) -> tuple[str, ...]:
    heavy = ("_", "tex_", "mesh_", "skin_", "name", "bvh_", "oct_")  # nobody redraws these
    return tuple(n for n in dir(kind) if n.startswith(CHANGING) and not n.startswith(heavy))


CHANGING = (
    *("actuator_", "body_", "cam_", "dof_", "eq_", "geom_", "hfield_data", "jnt_", "light_"),
    *("mat_", "pair_", "qpos", "site_", "tendon_", "wrap_"),
)
MUJOCO = Simulator(
    _itself,
    frozenset({"model", "data", "mujoco_renderer", "spec"}),
    lambda env: _save_mujoco(env.model, env.data),
    lambda env, kept: _load_mujoco(env.model, env.data, kept),
)


def _dm_control_holders(env: Any) -> list[Any]:
    """The adapter, the dm_control environment in it (its clock), and its task (its generator)."""
    inner = env._env
    if not type(inner).__module__.startswith("dm_control.rl"):
        raise ValueError(
            f"dm_control's {type(inner).__module__} environments cannot be put back: their bodies "
            "keep state of their own; what can: the tasks of dm_control.suite"
        )
    return [env, inner, inner.task]


def _physics(env: Any) -> tuple[Any, Any]:
    physics = env._env.physics
    return physics.model.ptr, physics.data.ptr


DM_CONTROL = Simulator(
    _dm_control_holders,
    frozenset({"_env", "viewer", "spec", "_physics", "_task"}),
    lambda env: _save_mujoco(*_physics(env)),
    lambda env, kept: _load_mujoco(*_physics(env), kept),
)


# --- others ------------------------------------------------------------------------------------

ALE = Simulator(
    _itself,
    frozenset({"ale", "spec"}),
    lambda env: env.clone_state(include_rng=True),
    lambda env, state: env.restore_state(state),
)
PUSHT = Simulator(
    _itself,
    WINDOWS | {"spec", "space", "agent", "block", "_block_shapes", "collision_handeler"},
    lambda env: save_space(env.space),
    load_space,
)

SIMULATORS = {  # by the module of an ancestor's class
    "gymnasium.envs.classic_control": PYTHON,
    "gymnasium.envs.mujoco": MUJOCO,
    "shimmy.dm_control_compatibility": DM_CONTROL,
    "minigrid": PYTHON,
    "ale_py": ALE,
    "gym_pusht": PUSHT,
}
