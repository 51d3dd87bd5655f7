"""Two rooms with a door between them, a dot, and a picture of where the dot should be.

env = Rooms(wall="random")                         +-------+-------+
obs, info = env.reset(seed=0)                      |       |   o   |
obs["image"], obs["goal"]    # uint8 [64, 64, 3]   |               |
obs, reward, terminated, truncated, info = \\       |  .    |       |
    env.step([0.5, 0.0])                           +-------+-------+

After the two rooms of PLDM (Sobal et al. 2025), whose door and tolerance these are. Differences:
the dot has a size, a step is up to twice as long, and at a wall the dot slides where PLDM's stops
and is pushed back a little at random: without that push it would spend half of a walk stuck.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

from foreworld.errors import unknown
from foreworld.worlds.factors import Wanted, check_factors, sample_factors
from foreworld.worlds.rooms_factors import FACTORS
from foreworld.worlds.rooms_layout import TASKS, Layout, make_house, sample_layout
from foreworld.worlds.rooms_physics import STEP, Place
from foreworld.worlds.rooms_render import Painter, add_noise
from foreworld.worlds.velocity import checked_velocity

OPTIONS = ("start", "goal", "factors")
WALLS = ("fixed", "random")
REWARDS = ("dense", "sparse")
TOLERANCE = 0.07  # nearer than this to its goal, the dot is there
FACTS = ("dot_x", "dot_y", "wall_x", "wall_width", "door_y", "door_width")
ONE_ROW = np.zeros(1, np.intp)
Info = dict[str, Any]


class Rooms(gymnasium.Env[dict[str, Any], np.ndarray]):
    """The two rooms. Lengths are in widths of the picture, whose middle is (0, 0), y upwards.

    Observation: `image` uint8 [S, S, 3]; `goal` uint8 [S, S, 3], the same rooms with the dot where
    it should be. Action: velocity of the dot in [-1, 1]^2, 1 being 0.05 a step along that axis. At
    a wall only the part of a motion along it counts.

    task: "cross" (the goal is in the other room) or "any". wall: "fixed" or "random", a place of
    wall and door for each episode. reward: "dense", minus the distance to the goal, or "sparse", 1
    where the dot is there. factors: "train", "test", or a dict factor -> split or value; see
    `FACTORS`. `reset(options=...)` takes `start`, `goal` (x, y) and `factors` for one episode.
    Raises ValueError for unknown names and impossible places.

    `info`: success, facts float32 [F] in the order of `FACTS`, goal_facts (what they are at the
    goal); on reset also solved_at_start. Success does not end an episode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}
    FACTS, FACTORS, TASKS = FACTS, FACTORS, TASKS
    # Entries of `info` to record: a model may learn to predict them and never sees them.
    targets = {
        "facts": Box(-1, 1, (len(FACTS),)),
        "goal_facts": Box(-1, 1, (len(FACTS),)),
        "success": Box(0, 1, ()),
    }
    names = dict.fromkeys(("facts", "goal_facts"), tuple(f.replace("_", ".") for f in FACTS))
    goals = {"goal": "image", "goal_facts": "facts"}  # key -> what it shows the end of

    def __init__(
        self,
        task: str = "cross",
        *,
        wall: str = "fixed",
        reward: str = "dense",
        max_steps: int = 100,
        image_size: int = 64,
        factors: Wanted = None,
        render_mode: str | None = None,
        render_size: int = 256,
    ) -> None:
        for what, given, valid in (
            ("task", task, TASKS),
            ("wall", wall, WALLS),
            ("reward", reward, REWARDS),
            ("render_mode", render_mode or "rgb_array", self.metadata["render_modes"]),
        ):
            if given not in valid:
                raise unknown(what, given, valid)
        if max_steps < 1 or image_size < 16 or render_size < 16:
            raise ValueError(
                f"max_steps={max_steps} must be at least 1, image_size={image_size} and "
                f"render_size={render_size} at least 16 (pixels)"
            )
        self.task, self.wall, self.reward, self.max_steps = task, wall, reward, max_steps
        self.image_size, self.render_mode, self.render_size = image_size, render_mode, render_size
        varied: Wanted = {"wall_x": "train", "door_y": "train"} if wall == "random" else {}
        self._wish = {**varied, **check_factors(FACTORS, factors)}
        self._painters: dict[int, Painter] = {}  # by picture size; each is prepared when first used
        self._layout: Layout | None = None
        picture = Box(0, 255, (image_size, image_size, 3), np.uint8)
        self.observation_space = Dict(image=picture, goal=picture)
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)

    @property
    def layout(self) -> Layout:
        """House, start and goal of the running episode. Raises ResetNeeded before the first."""
        if self._layout is None:
            raise gymnasium.error.ResetNeeded("call reset() before step(), render() or get_state()")
        return self._layout

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], Info]:
        """A new episode. options: `start` and `goal`, places (x, y); `factors`."""
        info = self.begin(seed=seed, options=options)
        return self._observe(), info

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, Info]:
        """Move the dot; action [2] in [-1, 1]."""
        reward, terminated, truncated, info = self.advance(action)
        return self._observe(), reward, terminated, truncated, info

    def begin(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Info:
        """`reset` without a picture: draws factors, start and goal; returns the info."""
        super().reset(seed=seed)
        options = options or {}
        for name in options:
            if name not in OPTIONS:
                raise unknown("reset option", name, OPTIONS)
        wish = {**self._wish, **check_factors(FACTORS, options.get("factors"))}
        self.factors = sample_factors(FACTORS, self.np_random, wish)
        drawn = sample_layout(self.np_random, make_house(self.factors), self.task)
        start = self._checked(drawn, "start", options.get("start", drawn.start))
        goal = self._checked(drawn, "goal", options.get("goal", drawn.goal))
        self._furnish(Layout(drawn.house, start, goal, drawn.seed), start, 0)
        info = self._info()
        return {**info, "solved_at_start": info["success"]}

    def _checked(self, layout: Layout, what: str, place: Any) -> Place:
        x, y = (float(number) for number in place)
        if not layout.house.is_free(x, y):
            raise ValueError(
                f"{what}=({x:.3g}, {y:.3g}) is in a wall; valid: x and y within "
                f"{layout.house.half:.3g} of 0, and not x between {layout.house.wall[0]:.3g} and "
                f"{layout.house.wall[1]:.3g} unless y is between {layout.house.door[0]:.3g} and "
                f"{layout.house.door[1]:.3g}"
            )
        return x, y

    def _furnish(self, layout: Layout, place: Place, steps: int) -> None:
        """The house of an episode that is `steps` old."""
        self._layout, self.place, self._steps = layout, place, steps
        self._goal_facts = self._facts(layout.goal)
        self._painters.clear()

    def advance(self, action: Any) -> tuple[float, bool, bool, Info]:
        """`step` without a picture: reward, terminated, truncated, info."""
        ax, ay = checked_velocity(action)
        scale = STEP * self.factors["speed"]
        self.place = self.layout.house.move(*self.place, scale * ax, scale * ay)
        self._steps += 1
        info = self._info()
        reward = float(info["success"]) if self.reward == "sparse" else -self.distance
        return reward, False, self._steps >= self.max_steps, info

    @property
    def distance(self) -> float:
        """From the dot to its goal, in a straight line."""
        (x, y), (goal_x, goal_y) = self.place, self.layout.goal
        return hypot(x - goal_x, y - goal_y)

    def _info(self) -> Info:
        return {
            "success": self.distance < TOLERANCE,
            "facts": self._facts(self.place),
            "goal_facts": self._goal_facts.copy(),
        }

    def _facts(self, place: Place) -> np.ndarray:
        house = self.layout.house
        walls = (house.wall_x, house.wall_width, house.door_y, house.door_width)
        return np.array((*place, *walls), np.float32)

    def _observe(self) -> dict[str, Any]:
        painter = self._painter(self.image_size)
        image = painter.paint(ONE_ROW, [self.place])[0]
        return {"image": self.sensed(image), "goal": painter.goals[0].copy()}

    def sensed(self, picture: np.ndarray) -> np.ndarray:
        """The picture after the sensor's noise at this step."""
        noise = self.factors["noise"]
        return add_noise(picture, noise, self.layout.seed, self._steps) if noise > 0.0 else picture

    def prepare(self, painter: Painter, row: int) -> None:
        """Tell a painter how this episode looks."""
        painter.prepare(row, self.factors, self.layout)

    def _painter(self, size: int) -> Painter:
        if size not in self._painters:
            self._painters[size] = Painter(1, size)
            self.prepare(self._painters[size], 0)
        return self._painters[size]

    def render(self) -> Any:
        """The rooms, larger: uint8 [render_size, render_size, 3]; None without a render_mode."""
        self.layout  # noqa: B018 (raises before the first reset)
        if self.render_mode is None:
            return None
        return self._painter(self.render_size).paint(ONE_ROW, [self.place])[0]

    # --- state ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """The whole state in plain numbers and strings (JSON keeps it exactly)."""
        layout = self.layout
        return {
            "version": 1,
            "rng": self.np_random.bit_generator.state,
            "factors": dict(self.factors),
            "steps": self._steps,
            "place": list(self.place),
            "start": list(layout.start),
            "goal": list(layout.goal),
            "seed": layout.seed,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `get_state`, of this or another Rooms, bit for bit."""
        if state.get("version") != 1:
            raise ValueError(f"state of version {state.get('version')}; valid: 1, of get_state()")
        self.np_random.bit_generator.state = state["rng"]
        self.factors = dict(state["factors"])
        start, goal, place = (tuple(state[key]) for key in ("start", "goal", "place"))
        layout = Layout(make_house(self.factors), start, goal, state["seed"])  # type: ignore[arg-type]
        self._furnish(layout, place, state["steps"])  # type: ignore[arg-type]
