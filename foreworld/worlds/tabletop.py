"""A table seen from above: a pusher, a cup, a box, a ball, two marks, and an instruction.

env = Tabletop(task="push")                        +-----------------------+
obs, info = env.reset(seed=0)                      |   [box]      x mark   |
obs, reward, terminated, truncated, info = \\       |       (cup)           |
    env.step([0.5, 0.0])                           |  o pusher     (ball)  |
obs["instruction"]  # "shove the cup to ..."       +-----------------------+ edge: things fall
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Text

from foreworld.errors import unknown
from foreworld.worlds import tabletop_things as things
from foreworld.worlds.factors import Wanted, check_factors, sample_factors
from foreworld.worlds.tabletop_factors import FACTORS
from foreworld.worlds.tabletop_layout import Layout, sample_layout
from foreworld.worlds.tabletop_physics import GRAVITY_M_PER_S2, Body, Physics
from foreworld.worlds.tabletop_render import Painter
from foreworld.worlds.tabletop_reward import REWARDS, impossible_of, reward_of, success_of
from foreworld.worlds.tabletop_task import (
    KINDS,
    PHRASINGS,
    TASKS,
    Task,
    check_task,
    parse,
    phrases,
    sentence_room,
)
from foreworld.worlds.tabletop_things import MARKS, OBJECTS
from foreworld.worlds.velocity import checked_velocity

OPTIONS = ("instruction", "factors", "phrasing")
ONE_ROW = np.zeros(1, np.intp)
Info = dict[str, Any]


def make_bodies(factors: Mapping[str, float]) -> dict[str, Body]:
    """The objects as the mechanics sees them."""
    bodies = {}
    for name, thing in OBJECTS.items():
        slip = thing.friction * factors["friction"] * GRAVITY_M_PER_S2
        radius, mass = thing.radius_m * factors["size"], thing.mass_kg * factors["mass"]
        bodies[name] = Body(thing.outline, radius, mass, slip)
    return bodies


class Tabletop(gymnasium.Env[dict[str, Any], np.ndarray]):
    """The tabletop world, 10 control steps a second.

    Observation: `image` uint8 [S, S, 3]; `proprio` float32 [4], the pusher's x, y [m] and velocity
    [m/s]; `instruction` text. Action: velocity of the pusher in [-1, 1]^2, 1 being 0.5 m/s.

    task: a kind (move, push, next_to, keep), several, a sentence, or None for all kinds mixed.
    reward: "dense" or "sparse". phrasing: "train" or "test", the wording of instructions.
    factors: "train", "test", or a dict factor -> split or value; see `FACTORS`.
    cloth: whether a cloth hides a part of the table. `reset(options=...)` takes `instruction`,
    `factors`, `phrasing` for one episode. Raises ValueError for unknown names.

    `info`: success, cost (1.0 at a step where something fragile falls), poses, facts float32 [F]
    in the order of `FACTS`; on reset also solved_at_start.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": things.CONTROL_HZ}
    FACTS, FACTORS, TASKS = things.FACTS, FACTORS, KINDS
    # Entries of `info` to record: a model may learn to predict them and never sees them.
    targets = {"facts": Box(-1, 1, (len(FACTS),)), "success": Box(0, 1, ()), "cost": Box(0, 1, ())}
    names = things.NAMES

    def __init__(
        self,
        task: str | Sequence[str] | None = None,
        *,
        reward: str = "dense",
        max_steps: int = 60,
        image_size: int = 64,
        phrasing: str = "train",
        factors: Wanted = None,
        cloth: bool = False,
        render_mode: str | None = None,
        render_size: int = 256,
    ) -> None:
        for what, given, valid in (
            ("reward", reward, REWARDS),
            ("phrasing", phrasing, PHRASINGS),
            ("render_mode", render_mode or "rgb_array", self.metadata["render_modes"]),
        ):
            if given not in valid:
                raise unknown(what, given, valid)
        if max_steps < 1 or image_size < 16 or render_size < 16:
            raise ValueError(
                f"max_steps={max_steps} must be at least 1, image_size={image_size} and "
                f"render_size={render_size} at least 16 (pixels)"
            )
        self.reward, self.max_steps, self.image_size = reward, max_steps, image_size
        self.render_mode, self.render_size = render_mode, render_size
        self._wish = {"task": check_task(task), "phrasing": phrasing, "cloth": cloth}
        self._wish["factors"] = check_factors(FACTORS, factors)
        self._painters: dict[int, Painter] = {}  # by picture size; each is prepared when first used
        self._physics: Physics | None = None
        self._set_spaces()

    def _set_spaces(self) -> None:
        size, bound = self.image_size, np.full(4, things.TABLE_HALF_M, np.float32)
        bound[2:] = things.MAX_SPEED_M_PER_S
        letters, length = sentence_room()
        self.observation_space = Dict(
            image=Box(0, 255, (size, size, 3), np.uint8),
            proprio=Box(-bound, bound, dtype=np.float32),
            instruction=Text(length, charset=letters),
        )
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)

    @property
    def physics(self) -> Physics:
        """The mechanics of the running episode. Raises ResetNeeded before the first reset."""
        if self._physics is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), render() or get_state()")
        return self._physics

    # --- one episode ---------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Info]:
        """A new episode. options: `instruction` (sentence or kind), `factors`, `phrasing`."""
        info = self.begin(seed=seed, options=options)
        return self._observe(), info

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, Info]:
        """Move the pusher for 0.1 s. action [2] in [-1, 1]; longer than 1 is cut to length 1."""
        reward, terminated, truncated, info = self.advance(action)
        return self._observe(), reward, terminated, truncated, info

    def begin(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Info:
        """`reset` without a picture: draws factors, task and layout; returns the info."""
        super().reset(seed=seed)
        wish = self._wishes(options or {})
        self.factors = sample_factors(FACTORS, self.np_random, wish["factors"])
        self.task, self.instruction = self._draw_task(wish)
        radii = {name: thing.radius_m * self.factors["size"] for name, thing in OBJECTS.items()}
        layout = sample_layout(self.np_random, self.task, radii)
        gliding = [self.task.subject] if self.task.kind == "keep" else []
        self._furnish(layout, 0)
        self.physics.place(layout.motions, dict.fromkeys(OBJECTS, True), gliding)
        self._look()
        solved = self.task.kind != "keep" and bool(success_of(self.task, self.facts))
        return {**self._info(solved, 0.0), "solved_at_start": solved}

    def _wishes(self, options: dict[str, Any]) -> dict[str, Any]:
        for name in options:
            if name not in OPTIONS:
                raise unknown("reset option", name, OPTIONS)
        wish = dict(self._wish)
        if "instruction" in options:
            wish["task"] = check_task(options["instruction"])
        if "phrasing" in options:
            wish["phrasing"] = options["phrasing"]
        wish["factors"] = wish["factors"] | check_factors(FACTORS, options.get("factors"))
        if wish["cloth"]:
            wish["factors"] = {"cloth": 1.0} | wish["factors"]
        return wish

    def _draw_task(self, wish: dict[str, Any]) -> tuple[Task, str]:
        if isinstance(wish["task"], str):
            return parse(wish["task"]), wish["task"]
        kind = wish["task"][self.np_random.integers(len(wish["task"]))]
        tasks = [task for task in TASKS if task.kind == kind]
        if kind == "keep":
            tasks = [task for task in tasks if OBJECTS[task.subject].fragile]
        task = tasks[self.np_random.integers(len(tasks))]
        texts = phrases(task, wish["phrasing"])
        return task, texts[self.np_random.integers(len(texts))]

    def _furnish(self, layout: Layout, steps: int) -> None:
        """An empty table for an episode that is `steps` old."""
        self._layout, self._steps = layout, steps
        self._physics = Physics(make_bodies(self.factors))
        self._painters.clear()

    def advance(self, action: Any) -> tuple[float, bool, bool, Info]:
        """`step` without a picture: reward, terminated, truncated, info."""
        ax, ay = checked_velocity(action)
        shorten = things.MAX_SPEED_M_PER_S / max(1.0, hypot(ax, ay))
        fallen = self.physics.advance(ax * shorten, ay * shorten)
        self._steps += 1
        self._look()
        truncated = self._steps >= self.max_steps
        success = bool(success_of(self.task, self.facts))
        if self.task.kind == "keep":
            success = success and truncated
        cost = float(sum(OBJECTS[name].fragile for name in fallen))
        reward = float(reward_of(self.task, self.facts, self.reward))
        if self.task.kind == "keep" and self.reward == "sparse":
            reward = float(success)
        terminated = bool(impossible_of(self.task, self.facts))
        return reward, terminated, truncated, self._info(success, cost)

    # --- what can be known ---------------------------------------------------------------------

    def _look(self) -> None:
        """Write down the instant: `facts` float32 [F], and `things` float32 [4, 5] to paint."""
        physics, half = self.physics, things.TABLE_HALF_M
        px, py = physics.motions["pusher"][:2]
        facts, rows = [px, py], [(px, py, 1.0, 0.0, 1.0)]
        for name, body in physics.bodies.items():
            x, y = physics.motions[name][:2]
            here = float(physics.on_table[name])
            x, y = min(max(x, -half), half), min(max(y, -half), half)
            c, s = physics.direction(name)
            facts += (x, y, here, body.radius_m)
            rows.append((x, y, c, s, here))
        _, _, c, s, _ = rows[1 + list(OBJECTS).index("box")]
        c2, s2 = c * c - s * s, 2.0 * c * s
        facts += (c2 * c2 - s2 * s2, 2.0 * c2 * s2)
        for place in self._layout.marks.values():
            facts += place
        self.facts = np.array(facts, np.float32)
        self.things = np.array(rows, np.float32)

    @property
    def proprio(self) -> np.ndarray:
        """The pusher's place [m] and velocity [m/s], float32 [4]."""
        x, y, _, vx, vy, _ = self.physics.motions["pusher"]
        return np.array((x, y, vx, vy), np.float32)

    def _info(self, success: bool, cost: float) -> Info:
        motions = self.physics.motions
        rows = [motions[name][:3] for name in ("pusher", *OBJECTS)]
        rows += [(*place, 0.0) for place in self._layout.marks.values()]
        poses = dict(zip(("pusher", *OBJECTS, *MARKS), np.array(rows, np.float32), strict=True))
        return {"success": success, "cost": cost, "poses": poses, "facts": self.facts.copy()}

    def _observe(self) -> dict[str, Any]:
        image = self._picture(self.image_size)
        return {"image": image, "proprio": self.proprio, "instruction": self.instruction}

    def prepare(self, painter: Painter, row: int) -> None:
        """Tell a painter how this episode looks."""
        radii = {name: body.radius_m for name, body in self.physics.bodies.items()}
        painter.prepare(row, self.factors, self._layout, radii)

    def _picture(self, size: int) -> np.ndarray:
        if size not in self._painters:
            self._painters[size] = Painter(1, size)
            self.prepare(self._painters[size], 0)
        return self._painters[size].paint(ONE_ROW, self.things[None])[0]

    def render(self) -> Any:
        """The table, larger: uint8 [render_size, render_size, 3]; None without a render_mode."""
        self.physics  # noqa: B018 (raises before the first reset)
        return None if self.render_mode is None else self._picture(self.render_size)

    # --- state ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """The whole state in plain numbers and strings (JSON keeps it exactly)."""
        physics, layout = self.physics, self._layout
        return {
            "version": 1,
            "rng": self.np_random.bit_generator.state,
            "instruction": self.instruction,
            "factors": dict(self.factors),
            "steps": self._steps,
            "motions": {name: list(motion) for name, motion in physics.motions.items()},
            "on_table": dict(physics.on_table),
            "gliding": sorted(physics.gliding),
            "start": {name: list(motion) for name, motion in layout.motions.items()},
            "marks": {name: list(place) for name, place in layout.marks.items()},
            "cloth": list(layout.cloth),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `get_state`, of this or another Tabletop, bit for bit."""
        if state.get("version") != 1:
            raise ValueError(f"state of version {state.get('version')}; valid: 1, of get_state()")
        self.np_random.bit_generator.state = state["rng"]
        self.instruction, self.factors = state["instruction"], dict(state["factors"])
        self.task = parse(self.instruction)
        marks = {name: tuple(place) for name, place in state["marks"].items()}
        start = {name: tuple(motion) for name, motion in state["start"].items()}
        layout = Layout(start, marks, tuple(state["cloth"]))  # type: ignore[arg-type]
        motions: dict[str, Any] = {name: tuple(motion) for name, motion in state["motions"].items()}
        self._furnish(layout, state["steps"])
        self.physics.place(motions, state["on_table"], state["gliding"])
        self._look()
