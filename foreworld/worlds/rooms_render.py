"""How the house looks from above: walls, floor and the dot, with edges that show parts of a pixel.

painter = Painter(count=1, size=64)
painter.prepare(0, factors, layout)                 # once an episode: walls, colours, goal
images = painter.paint(rows, places)                # uint8 [M, 64, 64, 3]
painter.goals[rows]                                 # the same rooms with the dot at its goal
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from math import ceil

import numpy as np

from foreworld.worlds.raster import Layer, box_distance, empty_sprite, over, stamp
from foreworld.worlds.rooms_layout import Layout
from foreworld.worlds.rooms_physics import HALF, House, Place

WALL = (0.62, 0.35, 0.30)  # hue, saturation, value
FLOOR = (0.12, 0.06, 0.93)
DOT = (0.02, 0.85, 0.85)

Array = np.ndarray


def shade(
    hsv: tuple[float, float, float], brightness: float = 1.0, hue: float = 0.0
) -> tuple[float, float, float]:
    """A colour as red, green and blue, 0 to 255, after a shift of its hue and brightness."""
    rgb = colorsys.hsv_to_rgb((hsv[0] + hue) % 1.0, hsv[1], min(hsv[2] * brightness, 1.0))
    return rgb[0] * 255.0, rgb[1] * 255.0, rgb[2] * 255.0


def draw_rooms(factors: Mapping[str, float], house: House, size: int) -> Array:
    """The house without the dot, uint8 [S, S, 3]."""
    line, column = np.mgrid[:size, :size]
    x, y = (column + 0.5) / size - 0.5, 0.5 - (line + 0.5) / size
    picture = np.empty((size, size, 3))
    picture[:] = wall = shade(WALL)
    floor = shade(FLOOR, factors["floor_brightness"])
    over(picture, np.clip(0.5 - box_distance(x, y, HALF, HALF) * size, 0.0, 1.0), np.array(floor))
    in_wall = np.abs(x - house.wall_x) - house.wall_width / 2
    in_door = np.abs(y - house.door_y) - house.door_width / 2
    distance = np.maximum(in_wall, -in_door)
    over(picture, np.clip(0.5 - distance * size, 0.0, 1.0), np.array(wall))
    return (picture + 0.5).astype(np.uint8)


def add_noise(picture: Array, std: float, seed: int, step: int) -> Array:
    """What a noisy sensor sees at a step of the episode with this seed: always the same."""
    noise = np.random.default_rng((seed, step)).standard_normal(picture.shape, np.float32)
    return np.clip(picture + std * noise + 0.5, 0, 255).astype(np.uint8)


class Painter:
    """Draws N houses at once; `prepare` one row when its episode begins, then `paint` any rows."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self.rooms = np.zeros((count, size, size, 3), np.uint8)
        self.goals = np.zeros((count, size, size, 3), np.uint8)
        self.dots = empty_sprite(count, 1, square=False)

    def prepare(self, row: int, factors: Mapping[str, float], layout: Layout) -> None:
        """Set the rooms, the dot and the picture of the goal of one row for an episode."""
        self.rooms[row] = draw_rooms(factors, layout.house, self.size)
        colour = shade(DOT, factors["dot_brightness"], factors["dot_hue"])
        dot = Layer(0.0, 0.0, layout.house.radius * self.size, 1.0, 1.0, colour)
        self.dots.write(row, [dot])
        self.goals[row] = self.paint(np.array([row]), [layout.goal])[0]

    def paint(self, rows: Array, places: list[Place]) -> Array:
        """Pictures of the houses in `rows` [M] with the dot at M places: uint8 [M, S, S, 3]."""
        canvas, dots = self.rooms[rows], self.dots.rows(rows)
        centre = (np.array(places) * (1, -1) + 0.5).astype(np.float32) * np.float32(self.size)
        direction = np.zeros_like(centre)  # of no use to a disc
        window = min(ceil(2 * float(dots.radius.max())) + 2, self.size)
        stamp(canvas, np.arange(len(rows)), centre, direction, dots, window)
        return canvas
