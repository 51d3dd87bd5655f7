"""What lies on the table, and how an instant of it is written as one vector of facts.

facts[INDEX["cup_x"]]      where the cup is, in metres; the table is [-0.5, 0.5] x [-0.5, 0.5]
facts[INDEX["cup_on_table"]]   1.0, or 0.0 once it fell (x and y then say where it left)
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE_HALF_M = 0.5
PUSHER_RADIUS_M = 0.035
MARK_RADIUS_M = 0.05
MAX_SPEED_M_PER_S = 0.5
CONTROL_HZ = 10


@dataclass(frozen=True)
class Thing:
    """One movable object: its outline, its size, and how it slides.

    `radius_m` is the radius of a disc or half the side of a square. `friction` is the Coulomb
    coefficient against the table: it decides how far the thing goes on after a push.
    """

    outline: str  # "disc" or "square"
    radius_m: float
    mass_kg: float
    friction: float
    colour: str
    fragile: bool = False


OBJECTS = {
    "cup": Thing("disc", 0.055, 0.2, 0.40, "red", fragile=True),
    "box": Thing("square", 0.050, 0.4, 0.50, "blue"),
    "ball": Thing("disc", 0.050, 0.1, 0.06, "yellow"),
}
MARKS = {"red_mark": "red", "green_mark": "green"}

FACTS: tuple[str, ...] = (
    "pusher_x",
    "pusher_y",
    *(f"{name}_{fact}" for name in OBJECTS for fact in ("x", "y", "on_table", "radius")),
    "box_cos4",  # a square looks the same after a quarter turn: cos and sin of four times its angle
    "box_sin4",
    *(f"{name}_{axis}" for name in MARKS for axis in "xy"),
)
# What models are told the numbers of each key are: whose, and which.
NAMES = {
    "facts": tuple(
        f"{thing}.{fact.removeprefix(thing)[1:]}"
        for fact in FACTS
        for thing in ("pusher", *OBJECTS, *MARKS)
        if fact.startswith(f"{thing}_")
    ),
    "proprio": ("pusher.x", "pusher.y", "pusher.vx", "pusher.vy"),
}
INDEX = {name: i for i, name in enumerate(FACTS)}
