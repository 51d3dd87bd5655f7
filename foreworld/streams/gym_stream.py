"""Any Gymnasium environment as steps of N parallel worlds, in the time convention of `vocab`.

stream = GymStream("CartPole-v1", num_envs=8, pixels=True)
step = stream.reset()                     # {"image": [8, 64, 64, 3], "reward": [8], ...}
step = stream.step(actions)               # actions [8]; ignored where the last row was is_last
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from foreworld.streams.images import shrink, shrunk_shape
from foreworld.streams.mujoco_pictures import draw_fast
from foreworld.streams.parallel import Parallel, Rows, SingleWorlds, VectorWorlds
from foreworld.streams.registry import can_render, find_spec, make_env
from foreworld.streams.spaces import (
    action_spec,
    aimed,
    env_actions,
    named,
    observation_leaves,
    record_leaves,
    target_leaves,
)
from foreworld.vocab import Spec, Step


class GymStream:
    """N parallel Gymnasium worlds as rows; the last observation of an episode is a row of its own.

    env: a registered id (`module:Id` imports the module first), a function that makes one
        environment, or a vector environment (which brings its own number of worlds).
    seed: world i starts from seed + i; later resets go on from there. Vector environments with one
        generator for all worlds are as deterministic, in their own way.
    image_size: larger images become [image_size, image_size, channels]. None: as they are.
    frame_skip: each action is given this many times, the rewards are summed.
    pixels: True or "only": the rendered "image" is the observation. "also": it is one more key.
    env_kwargs: passed to the environment's constructor (ids only).
    fast_pictures: MuJoCo draws at `image_size`, without shadows; see `streams.mujoco_pictures`.

    An environment may name entries of its `info` in `env.unwrapped.targets: dict[str, Space]`: they
    are recorded as keys with `observed=False`, at resets and steps alike. What the numbers of a key
    are may stand in `env.unwrapped.names: dict[str, Sequence[str]]`, and which keys are goals of
    others (`Spec.goal_of`) in `env.unwrapped.goals: dict[str, str]`. `env.unwrapped.records` has
    the form of `targets`: these are kept in their own precision and never predicted
    (`Spec.record`). `env.unwrapped.turns` is true of a game for two (`Spec.turns`).

    Raises ValueError for unknown ids (naming the nearest), unsupported spaces and impossible
    combinations; ImportError, with the command to type, where a package is missing.
    """

    def __init__(
        self,
        env: str | Callable[[], gymnasium.Env] | VectorEnv,
        num_envs: int = 1,
        seed: int = 0,
        image_size: int | None = 64,
        frame_skip: int = 1,
        pixels: bool | str = False,
        env_kwargs: Mapping[str, Any] | None = None,
        fast_pictures: bool = False,
    ) -> None:
        _check_arguments(num_envs, frame_skip, pixels)
        self._pixels = "only" if pixels is True else pixels
        self._image_size = image_size
        self._seed: int | None = seed
        self._worlds = _parallel(env, num_envs, frame_skip, bool(pixels), dict(env_kwargs or {}))
        if fast_pictures:
            _draw_fast(self._worlds, image_size)
        self.num_envs = self._worlds.num_envs
        self._leaves = {}
        if self._pixels != "only":
            self._leaves = observation_leaves(self._worlds.observation_space, image_size)
        self._targets = target_leaves(self._worlds.targets, list(self._leaves))
        taken = [*self._leaves, *self._targets]
        self._targets |= record_leaves(self._worlds.records, taken)
        self.specs = {k: leaf.spec for k, leaf in {**self._leaves, **self._targets}.items()}
        action = action_spec(self._worlds.action_space)
        self.specs["action"] = replace(action, turns=self._worlds.turns)
        self.specs = aimed(named(self.specs, self._worlds.names), self._worlds.goals)
        _check_text(env, self.specs)
        self._opened: Rows | None = None
        if self._pixels:
            self._add_image_spec()

    def reset(self, seed: int | None = None) -> Step:
        """Every world's first row. The first call seeds the worlds, later ones with `seed` only."""
        if self._opened is not None and seed is None:
            rows, self._opened = self._opened, None
            return self._step(rows)
        seed, self._seed, self._opened = self._seed if seed is None else seed, None, None
        return self._step(self._worlds.reset(seed))

    def step(self, action: np.ndarray) -> Step:
        """The next row of every world. action [N, ...] in the units of `specs["action"]`."""
        action, wanted = np.asarray(action), (self.num_envs, *self.specs["action"].shape)
        if action.shape != wanted:
            raise ValueError(f"actions have shape {action.shape}, this stream takes {wanted}")
        return self._step(self._worlds.step(env_actions(self._worlds.action_space, action)))

    def frames(self) -> np.ndarray:
        """What the worlds look like now, uint8 [N, H, W, 3] at their own size."""
        frames = self._worlds.render()
        if not len(frames) or any(frame.ndim != 3 for frame in frames):
            raise ValueError(
                "this environment was built without pictures: pass render_mode='rgb_array' where "
                "it is made, or an id of one that renders"
            )
        return np.stack(frames)

    def close(self) -> None:
        self._worlds.close()

    def _step(self, rows: Rows) -> Step:
        step = {k: leaf.convert(rows.observation(leaf.read)) for k, leaf in self._leaves.items()}
        for key, leaf in self._targets.items():
            try:
                step[key] = leaf.convert(rows.info(leaf.read))
            except KeyError as error:
                raise ValueError(
                    f"the environment declares the target {key!r}, and its info lacks it: put it "
                    "there at every reset and every step"
                ) from error
        if self._pixels:
            step["image"] = shrink(self.frames(), self._image_size)
        step["reward"] = rows.reward
        step["is_first"] = rows.first.copy()
        step["is_last"] = rows.terminated | rows.truncated
        step["is_terminal"] = rows.terminated.copy()
        return step

    def _add_image_spec(self) -> None:
        if "image" in self.specs:
            raise ValueError(
                "pixels='also' adds a key 'image', and the world has one already: use pixels='only'"
            )
        # Only a picture tells how large pictures are; the reset made for it is the first one.
        self._opened, self._seed = self._worlds.reset(self._seed), None
        height, width, channels = self.frames().shape[1:]
        shape = (*shrunk_shape(height, width, self._image_size), channels)
        self.specs["image"] = Spec(shape, "uint8", "image")


def _check_arguments(num_envs: int, frame_skip: int, pixels: bool | str) -> None:
    if num_envs < 1 or frame_skip < 1:
        raise ValueError(f"num_envs={num_envs}, frame_skip={frame_skip}: both start at 1")
    if pixels not in (False, True, "only", "also"):
        raise ValueError(f"pixels={pixels!r}; valid: False, True, 'only' (as True), 'also'")


def _check_text(env: object, specs: Mapping[str, Spec]) -> None:
    texts = sorted(key for key, spec in specs.items() if spec.kind == "text")
    # Gymnasium reads shared text once, when the workers start: every row would show it.
    if texts and isinstance(env, AsyncVectorEnv) and env.shared_memory:
        raise ValueError(
            f"text {texts} gets stuck in shared memory: AsyncVectorEnv(..., shared_memory=False)"
        )


def _parallel(
    env: str | Callable[[], gymnasium.Env] | VectorEnv,
    num_envs: int,
    frame_skip: int,
    pixels: bool,
    kwargs: dict[str, Any],
) -> Parallel:
    if isinstance(env, str):
        return _from_id(env, num_envs, frame_skip, pixels, kwargs)
    if kwargs:
        raise ValueError(f"env_kwargs={kwargs} go with an id; this environment is made by you")
    if isinstance(env, VectorEnv):
        return _from_vector(env, frame_skip, pixels)
    return SingleWorlds([env() for _ in range(num_envs)], frame_skip)


def _from_id(
    env_id: str, num_envs: int, frame_skip: int, pixels: bool, kwargs: dict[str, Any]
) -> Parallel:
    spec = find_spec(env_id)
    if "render_mode" not in kwargs and (pixels or can_render(spec)):
        kwargs["render_mode"] = "rgb_array"
    # A vector environment cannot let one world rest while the others go on through skipped frames.
    if spec.vector_entry_point is not None and num_envs > 1 and frame_skip == 1:
        return VectorWorlds(
            gymnasium.make_vec(spec, num_envs, vectorization_mode="vector_entry_point", **kwargs)
        )
    return SingleWorlds([make_env(spec, kwargs) for _ in range(num_envs)], frame_skip)


def _draw_fast(worlds: Parallel, image_size: int | None) -> None:
    if not isinstance(worlds, SingleWorlds):
        raise ValueError(
            "fast_pictures with a vector environment: its worlds are out of reach. Pass an id, or "
            "a function that makes one environment"
        )
    for env in worlds.envs:
        draw_fast(env, image_size)


def _from_vector(env: VectorEnv, frame_skip: int, pixels: bool) -> Parallel:
    if type(env) is SyncVectorEnv:
        return SingleWorlds(env.envs, frame_skip)  # a list of environments
    if frame_skip > 1:
        raise ValueError(
            f"frame_skip={frame_skip} with {env}: a world that ends must not go on while the "
            "others skip frames. Skip them inside the environment, or pass a function making one"
        )
    worlds = VectorWorlds(env)
    if pixels and worlds.mode is AutoresetMode.SAME_STEP:
        raise ValueError(
            "pixels with AutoresetMode.SAME_STEP: the last picture of an episode is gone when the "
            "step returns. Build the vector environment with AutoresetMode.NEXT_STEP"
        )
    return worlds
