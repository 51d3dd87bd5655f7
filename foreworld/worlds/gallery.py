"""A room seen from inside: pillars, boxes to push, doors to open, balls that roll, a screen.

env = gymnasium.make("foreworld/Gallery-v0")             +----==------+
obs, info = env.reset(seed=0)                            |  I      []  |
obs["image"]                 # uint8 [64, 64, 3]         |   -----     |
env.step([1.0, 0.0])         # a step forward            | o    A    I |
env.step([0.0, 1.0])         # a turn to the left        +-------==---+

What is out of sight goes on: balls roll, boxes stay where they were pushed, doors stay open.
`GalleryWorld` is all of that as pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from foreworld.errors import unknown
from foreworld.vocab import Spec
from foreworld.worlds.factors import Factors, Wanted, sample_factors
from foreworld.worlds.functional import FunctionalEnv
from foreworld.worlds.functional_vector import FunctionalVector
from foreworld.worlds.gallery_factors import FACTORS
from foreworld.worlds.gallery_physics import STRIDE, TOP, opened, rolled, turned, walked
from foreworld.worlds.gallery_render import (
    FAR,
    Scene,
    depths,
    nearest,
    normals,
    picture,
    scan,
    scene,
    segments,
)
from foreworld.worlds.gallery_state import (
    BALLS,
    BOXES,
    DOORS,
    HALF,
    PILLARS,
    STATE,
    THINGS,
    B,
    first,
)
from foreworld.worlds.sensor import sensed

VIEWS = ("image", "retina")
DENSE = ("depth", "normals", "segmentation")
RAYS = 32
NEAR = 0.75  # metres from the middle of the gold pillar that count as there
PACE = 10.0  # steps; facts give speeds in metres per so many
NAMES = (
    *("you.x", "you.y", "you.cos", "you.sin"),
    *(f"{thing}.{of}" for thing in (*PILLARS, *BOXES) for of in ("x", "y", "there")),
    *(f"{ball}.{of}" for ball in BALLS for of in ("x", "y", "vx", "vy", "there")),
    *(f"{door}.open" for door in DOORS),
)

Array = np.ndarray


@dataclass(frozen=True)
class GalleryWorld:
    """The room as pure functions of states [N, S]; see `gallery_state.STATE` for their numbers.

    Action: forward (1 is 0.2 m, negative backward) and turn (1 is 20 degrees to the left). Noise:
    kicks on the balls, where the factor `kick` is not 0. Reward: minus the distance to the gold
    pillar, in halves of the room; success: within 0.75 m of it.

    view: "image", uint8 [S, S, 3]; or "retina", float32 [32, 3], the colours in [0, 1] that 32 rays
    meet first. Also looked at, for training and exams only: `facts` (places in halves of the room,
    speeds in metres per 10 steps, 1 or 0 for being there), `visible` (share of the columns in
    which a thing is the nearest), `success`, and the `state`. dense: further ones of "depth" (of
    an image: uint8 [S, S, 1], 255 being 8.5 m; of a retina: float32 [32] in metres), "normals"
    (uint8 [S, S, 3], 128 + 127 n: east, north, up) and "segmentation" (uint8 [S, S], a record:
    floor 0, ceiling 1, wall 2, door 3, then `THINGS`); the last two of images only.
    """

    view: str = "image"
    image_size: int = 64
    dense: Sequence[str] = ()

    factors: ClassVar[Factors] = FACTORS
    state_width: ClassVar[int] = STATE.width
    noise_width: ClassVar[int] = 2 * B
    action: ClassVar[Spec] = Spec((2,), "float32", "vector", -1.0, 1.0)

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise unknown("view", self.view, VIEWS)
        valid = DENSE if self.view == "image" else DENSE[:1]
        for key in self.dense:
            if key not in valid:
                raise unknown(f"dense key of the view {self.view!r}", key, valid)
        if self.image_size < 16 or self.image_size % 2:
            raise ValueError(f"image_size={self.image_size}; valid: even, 16 pixels or more")

    @property
    def specs(self) -> dict[str, Spec]:
        return _specs(self.view, self.image_size, tuple(self.dense))

    def begin(self, rng: np.random.Generator, factors: Wanted = None) -> Array:
        """The first state [S] of an episode. Raises ValueError for unknown factors."""
        return first(rng, sample_factors(FACTORS, rng, factors))

    def advance(self, state: Array, action: Array, noise: Array) -> Array:
        """States [N, S] one step on: you turn, walk and push; then the balls roll."""
        after = state.copy()
        heading = turned(STATE.read(state, "heading"), action[:, 1] * STATE.read(state, "turn"))
        stride = STRIDE * STATE.read(state, "stride") * action[:, 0]
        move = stride[:, None] * heading
        place, boxes = walked(state, move)
        kicks = STATE.read(state, "kick")[:, None, None] * noise.reshape(-1, B, 2)
        speed = np.clip(STATE.read(state, "speed") + kicks, -TOP, TOP)
        STATE.write(after, speed=speed * STATE.read(state, "balls_there")[..., None])
        STATE.write(after, open=opened(state, place, move))
        balls, speed, there = rolled(after, place, boxes)
        STATE.write(
            after,
            place=place,
            heading=heading,
            boxes=boxes,
            balls=balls,
            speed=speed,
            balls_there=there,
            clock=STATE.read(state, "clock") + 1.0,
        )
        STATE.write(after, reward=-self._distance(after) / HALF)
        return after

    def look(self, state: Array, keys: Sequence[str] | None = None) -> dict[str, Array]:
        """What `specs` describe, or those `keys` of it: arrays [N, ...]."""
        columns = RAYS if self.view == "retina" else self.image_size
        drawn = cache(lambda: scene(state, columns))  # one for all who look
        ways: dict[str, Callable[[], Array]] = {
            "image": lambda: self._image(state, drawn()),
            "retina": lambda: scan(drawn())[0],
            "facts": lambda: _facts(state),
            "visible": lambda: _visible(drawn()),
            "success": lambda: (self._distance(state) < NEAR).astype(np.float32),
            "state": lambda: state.copy(),
            "depth": lambda: self._depth(drawn()),
            "normals": lambda: _as_bytes(127.0 * normals(drawn()) + 128.0),
            "segmentation": lambda: segments(drawn()),
        }
        for key in keys or ():
            if key not in ways:
                raise unknown("key", key, ways)
        return {key: ways[key]() for key in (self.specs if keys is None else keys)}

    def reward(self, state: Array) -> Array:
        """Minus your distance from the gold pillar, in halves of the room; 0 at the start."""
        return STATE.read(state, "reward")

    def terminal(self, state: Array) -> Array:
        """Never: the room goes on."""
        return np.zeros(len(state), bool)

    def _distance(self, state: Array) -> Array:
        way = STATE.read(state, "place") - STATE.read(state, "pillars")[:, 0]
        return np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2)

    def _image(self, state: Array, drawn: Scene) -> Array:
        if self.view == "retina":
            drawn = scene(state, self.image_size)
        return sensed(picture(state, drawn), *_sensor(state))

    def _depth(self, drawn: Scene) -> Array:
        if self.view == "retina":
            return scan(drawn)[1]
        return _as_bytes(depths(drawn) * (255.0 / FAR))[..., None]


def _as_bytes(values: Array) -> Array:
    return np.clip(values, 0.0, 255.0).astype(np.uint8)


def _sensor(state: Array) -> tuple[Array, Array, Array]:
    return STATE.read(state, "noise"), STATE.read(state, "seed"), STATE.read(state, "clock")


def _visible(drawn: Scene) -> Array:
    """Which share of the rays meets each thing first, float32 [N, things]."""
    k, met = nearest(drawn)
    which = np.where(met, k, -1)[..., None] == np.arange(len(THINGS))
    return which.mean(1).astype(np.float32)


def _facts(state: Array) -> Array:
    def columns(places: str, there: str) -> Array:
        both = [STATE.read(state, places) / HALF, STATE.read(state, there)[..., None]]
        return np.concatenate(both, -1).reshape(len(state), -1)

    balls = np.concatenate(
        [
            STATE.read(state, "balls") / HALF,
            STATE.read(state, "speed") * PACE,
            STATE.read(state, "balls_there")[..., None],
        ],
        -1,
    )
    facts = [
        STATE.read(state, "place") / HALF,
        STATE.read(state, "heading"),
        columns("pillars", "pillars_there"),
        columns("boxes", "boxes_there"),
        balls.reshape(len(state), -1),
        STATE.read(state, "open"),
    ]
    return np.concatenate(facts, 1).astype(np.float32)


@cache
def _specs(view: str, size: int, dense: tuple[str, ...]) -> dict[str, Spec]:
    n = len(NAMES)
    picture_spec = Spec((size, size, 3), "uint8", "image")
    retina = Spec((RAYS, 3), "float32", "vector", 0.0, 1.0)
    depth = Spec((size, size, 1), "uint8", "image", observed=False)
    flat_depth = Spec((RAYS,), "float32", "vector", 0.0, FAR, unit="m", observed=False)
    extra = {
        "depth": depth if view == "image" else flat_depth,
        "normals": Spec((size, size, 3), "uint8", "image", observed=False),
        "segmentation": Spec(
            (size, size), "uint8", "vector", 0, 3 + len(THINGS), observed=False, record=True
        ),
    }
    return {
        view: picture_spec if view == "image" else retina,
        "facts": Spec((n,), "float32", "vector", -2.5, 2.5, observed=False, names=NAMES),
        "visible": Spec(
            (len(THINGS),), "float32", "vector", 0.0, 1.0, observed=False, names=THINGS
        ),
        "success": Spec((), "float32", "vector", 0.0, 1.0, observed=False),
        "state": Spec((STATE.width,), "float64", "vector", observed=False, record=True),
        **{key: extra[key] for key in dense},
    }


class Gallery(FunctionalEnv):
    """The room as a Gymnasium environment: options of `FunctionalEnv` and of `GalleryWorld`."""

    World = GalleryWorld
    FACTORS = FACTORS


class GalleryVector(FunctionalVector):
    """N rooms behind gymnasium's vector interface."""

    Single = Gallery
