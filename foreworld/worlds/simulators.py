"""How each simulator tells and takes back its state, found by the module of an environment's class.

get_state(), set_state(state)   ours, and any of yours: the state is all there is, a value
classic control, MiniGrid       Python attributes and nothing else
MuJoCo, dm_control              mjData as a whole, and what tasks write into the model
ALE                             the emulator's own state, its generator included
PushT                           places and speeds; keeping them settles the running world too
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np


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
WORDS = frozenset({"spec", "_ezpickle_args", "_ezpickle_kwargs"})  # how it was made
WINDOWS = frozenset({"screen", "surf", "clock", "window", "render_surface"})
PYTHON = Simulator(_itself, WORDS | WINDOWS, lambda env: None, lambda env, state: None)


# --- MuJoCo ------------------------------------------------------------------------------------

# Setting mjSTATE_INTEGRATION and calling mj_forward, the usual recipe, brings back the motion but
# not all that is read off it: after mj_step the places of bodies lag one step of integration behind
# the joints, tasks reward their difference, and mj_forward makes them up to date. Hence all of it.


def _save_mujoco(model: Any, data: Any) -> tuple[dict[str, np.ndarray], Any]:
    return {name: getattr(model, name).copy() for name in _arrays(model)}, copy.copy(data)


def _load_mujoco(model: Any, data: Any, kept: tuple[dict[str, np.ndarray], Any]) -> None:
    import mujoco  # pyright: ignore[reportMissingImports]

    arrays, then = kept
    for name, array in arrays.items():
        getattr(model, name)[...] = array
    mujoco.mj_copyData(data, model, then)  # pyright: ignore[reportAttributeAccessIssue]


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
    WORDS | {"model", "data", "mujoco_renderer"},
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
    WORDS | {"_env", "viewer", "_physics", "_task"},
    lambda env: _save_mujoco(*_physics(env)),
    lambda env, kept: _load_mujoco(*_physics(env), kept),
)


# --- ALE ---------------------------------------------------------------------------------------

ALE = Simulator(
    _itself,
    WORDS | {"ale"},
    lambda env: env.clone_state(include_rng=True),
    lambda env, state: env.restore_state(state),
)


# --- PushT -------------------------------------------------------------------------------------

# The engine keeps the last contacts, pushes to come and a tree of shapes where nobody can read
# them, and all of them bend what follows. Taking every body out of the space and putting it back
# drops them. Keeping does that as well, so that the run which goes on and the run which is restored
# are one; but it is not the run which nobody kept: one step later the two differ by 0.02 of 512
# pixels in the median of 200 runs, by 0.8 in one of ten, and where a contact is lost by 40.
PARTS = ("space", "agent", "block", "_block_shapes", "collision_handeler")  # gym-pusht's spelling


def _save_pusht(env: Any) -> dict[str, Any]:
    kept = {
        "env": env,
        "parts": {name: getattr(env, name) for name in PARTS},
        "motions": [
            (body.angle, body.position, body.velocity, body.angular_velocity)
            for body in env.space.bodies
        ],
    }
    _load_pusht(env, kept)
    return kept


def _load_pusht(env: Any, kept: dict[str, Any]) -> None:
    if env is not kept["env"]:
        raise ValueError(
            "a snapshot of PushT holds the bodies themselves: restore it into the environment it "
            "was taken from"
        )
    vars(env).update(kept["parts"])  # a reset has made new ones
    space = env.space
    shapes, bodies = space.shapes, space.bodies
    space.remove(*shapes, *bodies)
    for body, (angle, position, velocity, turning) in zip(bodies, kept["motions"], strict=True):
        type(body).update_position(body, 0.0)  # spends the push apart saved up for the next step
        body.angle = angle  # first: the place of a body off its centre of gravity hangs on it
        body.position, body.velocity, body.angular_velocity = position, velocity, turning
    _number_shapes_anew(space)
    space.add(*bodies, *shapes)


def _number_shapes_anew(space: Any) -> None:
    """The tree of shapes is walked by number, and pymunk has a public word for none of it."""
    from pymunk._chipmunk_cffi import lib  # pyright: ignore[reportMissingImports]

    lib.cpSpaceSetShapeIDCounter(space._space, 0)


PUSHT = Simulator(_itself, WORDS | WINDOWS | frozenset(PARTS), _save_pusht, _load_pusht)

SIMULATORS = {  # by the module of an ancestor's class
    "gymnasium.envs.classic_control": PYTHON,
    "gymnasium.envs.mujoco": MUJOCO,
    "shimmy.dm_control_compatibility": DM_CONTROL,
    "minigrid": PYTHON,
    "ale_py": ALE,
    "gym_pusht": PUSHT,
}
