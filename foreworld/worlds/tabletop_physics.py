"""The mechanics of the table: things slide, stop, bump into each other, and fall off the edge.

    physics = Physics(bodies)                    # how large, how heavy, how slippery
    physics.place(motions, on_table)             # what lies where, how fast it moves
    fallen = physics.advance(vx, vy)             # 0.1 s: the pusher moves; names of what fell

Every control step runs in a fresh pymunk space. The engine otherwise keeps contacts and an index of
shapes from step to step, which no one can save; so positions and velocities are the whole state,
and a restored table goes on bit for bit like the original.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, hypot, sin

import pymunk

from foreworld.worlds.tabletop_things import (
    CONTROL_HZ,
    MAX_SPEED_M_PER_S,
    PUSHER_RADIUS_M,
    TABLE_HALF_M,
)

SUBSTEPS = 5
GLIDE_M_PER_S2 = 0.05  # slows what glides, as on a film of water, until something touches it
STEP_S = 1.0 / CONTROL_HZ / SUBSTEPS
GRAVITY_M_PER_S2 = 9.81
CONTACT_FRICTION = 0.3
SOLVER_ITERATIONS = 10
SLOP_M = 2e-4  # overlap that contacts leave in peace
BIAS = 1e-20  # share of an overlap left after a second

Motion = tuple[float, float, float, float, float, float]  # x, y, angle, vx, vy, turning rate


@dataclass(frozen=True)
class Body:
    """What the mechanics knows of one object. `slip_m_per_s2`: how fast sliding dies down."""

    outline: str
    radius_m: float
    mass_kg: float
    slip_m_per_s2: float

    @property
    def spin_slip_rad_per_s2(self) -> float:
        """How fast turning on the spot dies down: friction's torque over inertia, for a disc."""
        return 4.0 / 3.0 * self.slip_m_per_s2 / self.radius_m


def _make(body: Body) -> tuple[pymunk.Body, pymunk.Shape]:
    if body.outline == "square":
        side = 2.0 * body.radius_m
        inertia = pymunk.moment_for_box(body.mass_kg, (side, side))
        made = pymunk.Body(body.mass_kg, inertia)
        shape: pymunk.Shape = pymunk.Poly.create_box(made, (side, side))
    else:
        made = pymunk.Body(body.mass_kg, pymunk.moment_for_circle(body.mass_kg, 0.0, body.radius_m))
        shape = pymunk.Circle(made, body.radius_m)
    shape.friction = CONTACT_FRICTION
    return made, shape


def _new_space() -> pymunk.Space:
    space = pymunk.Space()
    space.iterations = SOLVER_ITERATIONS
    space.collision_slop = SLOP_M
    space.collision_bias = BIAS
    return space


def _set_motion(body: pymunk.Body, motion: Motion) -> None:
    x, y, angle, vx, vy, turning = motion
    body.position = (x, y)
    body.angle = angle
    body.velocity = (vx, vy)
    body.angular_velocity = turning


class Physics:
    """The bodies on the table.

    `motions`, `on_table` and `gliding` (what slides on almost without friction, until something
    touches it) are the whole state, in plain numbers and names.
    """

    def __init__(self, bodies: dict[str, Body]) -> None:
        self.bodies = bodies
        self.motions: dict[str, Motion] = {}
        self.on_table: dict[str, bool] = {}
        self.gliding: set[str] = set()
        self._made = {name: _make(body) for name, body in bodies.items()}
        self._pusher = pymunk.Body(body_type=pymunk.Body.KINEMATIC)
        self._pusher_shape = pymunk.Circle(self._pusher, PUSHER_RADIUS_M)
        self._pusher_shape.friction = CONTACT_FRICTION
        self._space: pymunk.Space | None = None  # owns the bodies until the next step begins

    def place(
        self, motions: dict[str, Motion], on_table: dict[str, bool], gliding: Iterable[str] = ()
    ) -> None:
        """Put everything where it is said to be: names of objects, and "pusher"."""
        self.motions, self.on_table, self.gliding = dict(motions), dict(on_table), set(gliding)
        for name, (body, _) in self._made.items():
            _set_motion(body, motions[name])
        _set_motion(self._pusher, motions["pusher"])

    def advance(self, vx: float, vy: float) -> list[str]:
        """One control step with the pusher at this velocity [m/s]; returns what fell off."""
        x, y = self.motions["pusher"][:2]
        vx, vy = _inside(x, vx), _inside(y, vy)
        self._pusher.velocity = (vx, vy)
        present = [name for name, here in self.on_table.items() if here]
        space = self._fresh_space(present)
        fallen: list[str] = []
        for _ in range(SUBSTEPS):
            space.step(STEP_S)
            for name in present:
                if self.on_table[name] and self._rub(name):
                    space.remove(*self._made[name])
                    self.on_table[name] = False
                    fallen.append(name)
        for name in present:
            # The engine saves up a push apart for its next step, where no state could hold it.
            pymunk.Body.update_position(self._made[name][0], 0.0)
        x, y = self._pusher.position
        self.motions["pusher"] = (x, y, 0.0, vx, vy, 0.0)
        return fallen

    def _fresh_space(self, present: list[str]) -> pymunk.Space:
        if self._space is not None:
            self._space.remove(*self._space.shapes, *self._space.bodies)
        self._space = space = _new_space()
        space.add(self._pusher, self._pusher_shape)
        for name in present:
            space.add(*self._made[name])
        return space

    def _rub(self, name: str) -> bool:
        """Slow one object down (Coulomb), note its motion; True once it is over the edge."""
        body, made = self.bodies[name], self._made[name][0]
        (vx, vy), turning = made.velocity, made.angular_velocity
        if name in self.gliding and (vx, vy, turning) != self.motions[name][3:]:
            self.gliding.discard(name)  # only a touch changes the velocity while the engine steps
        slip = GLIDE_M_PER_S2 if name in self.gliding else body.slip_m_per_s2
        if vx != 0.0 or vy != 0.0:
            speed = hypot(vx, vy)
            keep = max(1.0 - slip * STEP_S / speed, 0.0)
            vx, vy = vx * keep, vy * keep
            made.velocity = (vx, vy)
        if turning != 0.0:
            keep = max(1.0 - body.spin_slip_rad_per_s2 * STEP_S / abs(turning), 0.0)
            turning *= keep
            made.angular_velocity = turning
        x, y = made.position
        self.motions[name] = (x, y, made.angle, vx, vy, turning)
        return abs(x) > TABLE_HALF_M or abs(y) > TABLE_HALF_M

    def direction(self, name: str) -> tuple[float, float]:
        """Cosine and sine of an object's angle."""
        angle = self.motions[name][2]
        return cos(angle), sin(angle)


def _inside(start_m: float, speed_m_per_s: float) -> float:
    """The speed along one axis, cut so that a control step ends on the table."""
    end = min(max(start_m + speed_m_per_s / CONTROL_HZ, -TABLE_HALF_M), TABLE_HALF_M)
    return min(max((end - start_m) * CONTROL_HZ, -MAX_SPEED_M_PER_S), MAX_SPEED_M_PER_S)
