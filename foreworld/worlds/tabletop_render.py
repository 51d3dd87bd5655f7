"""How the table looks from above: floor, table, marks, objects with soft shadows, and a cloth.

painter = Painter(count=1, size=64)
painter.prepare(0, factors, layout)                 # once an episode: camera, light, background
images = painter.paint(rows, things)                # uint8 [M, 64, 64, 3]
"""

from __future__ import annotations

import colorsys
from math import ceil, cos, sin

import numpy as np

from foreworld.worlds.raster import Layer, Sprite, box_distance, empty_sprite, over, stamp
from foreworld.worlds.tabletop_layout import Layout
from foreworld.worlds.tabletop_things import (
    MARK_RADIUS_M,
    MARKS,
    OBJECTS,
    PUSHER_RADIUS_M,
    TABLE_HALF_M,
)

VIEW_M = 1.24  # width of what the camera sees
LARGEST_M = 0.08  # no object reaches farther from its centre, shadow included
SHADOW_M = (0.007, 0.009)  # to the right and down in the picture: the lamp hangs to the upper left
HSV = {
    "red": (0.995, 0.80, 0.84),
    "blue": (0.605, 0.76, 0.80),
    "yellow": (0.135, 0.82, 0.98),
    "red_mark": (0.970, 0.60, 0.92),
    "green_mark": (0.39, 0.58, 0.66),
    "floor": (0.62, 0.22, 0.27),
    "table": (0.095, 0.15, 0.91),
    "rim": (0.075, 0.36, 0.62),
    "pusher": (0.62, 0.20, 0.20),
    "cloth": (0.75, 0.25, 0.62),
}
THINGS = ("pusher", *OBJECTS)
SQUARE = {name: name != "pusher" and OBJECTS[name].outline == "square" for name in THINGS}
LAYERS = 4

Array = np.ndarray


class Palette:
    """The colours of one episode, after hue, brightness and light; rgb arrays 0 to 255."""

    def __init__(self, factors: dict[str, float]) -> None:
        self.factors = factors
        warmth = factors["light_warmth"]
        self.light = factors["light"] * np.array([1.0 + warmth / 2, 1.0, 1.0 - warmth / 2])

    def __call__(self, name: str, group: str = "", shade: float = 1.0) -> Array:
        """A colour by name; `group` is the prefix of the factors that shift it."""
        hue, saturation, value = HSV[name]
        hue += self.factors.get(f"{group}_hue", 0.0)
        value *= shade * self.factors.get(f"{group}_brightness", 1.0)
        return self.lit(np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value)))

    def lit(self, rgb: Array) -> Array:
        """A colour in [0, 1] as the lamp shows it."""
        return np.clip(255.0 * rgb * self.light, 0.0, 255.0)


class Camera:
    """The map from metres on the table to pixels: column and row, the row counted downwards."""

    def __init__(self, factors: dict[str, float], size: int) -> None:
        self.scale = size / VIEW_M * factors["camera_zoom"]  # pixels per metre
        c, s = cos(factors["camera_roll"]), sin(factors["camera_roll"])
        self.turn = np.array([[c, -s], [-s, -c]])
        shift = np.array([factors["camera_x"], factors["camera_y"]])
        self.offset = size / 2.0 - self.scale * (self.turn @ shift)

    def world(self, size: int) -> tuple[Array, Array]:
        """Where on the table the centres of all pixels lie: x, y [S, S] in metres."""
        line, column = np.mgrid[:size, :size] + 0.5
        u, v = (column - self.offset[0]) / self.scale, (line - self.offset[1]) / self.scale
        (a, b), (c, d) = self.turn  # its own inverse: a reflection
        return a * u + b * v, c * u + d * v


def draw_background(camera: Camera, palette: Palette, layout: Layout, size: int) -> Array:
    """What does not move: floor, table with rim and shadow, marks. uint8 [S, S, 3]."""
    x, y = camera.world(size)
    picture = np.empty((size, size, 3))
    picture[:] = palette("floor")

    def lay(distance_m: Array, rgb: Array, soft_m: float = 0.0, opacity: float = 1.0) -> None:
        width = max(soft_m * camera.scale, 1.0)
        over(picture, opacity * np.clip(0.5 - distance_m * camera.scale / width, 0.0, 1.0), rgb)

    half = TABLE_HALF_M
    lay(box_distance(x - 0.02, y + 0.02, half, half, 0.02), palette.lit(np.zeros(3)), 0.05, 0.5)
    lay(box_distance(x, y, half, half, 0.015), palette("rim"))
    lay(box_distance(x, y, half - 0.016, half - 0.016, 0.01), palette("table", "table"))
    for name in MARKS:
        u, v = x - layout.marks[name][0], y - layout.marks[name][1]
        disc = np.sqrt(u * u + v * v) - MARK_RADIUS_M
        cross = np.minimum(box_distance(u, v, 0.078, 0.013), box_distance(u, v, 0.013, 0.078))
        lay(disc, palette(name, "mark"), opacity=0.55)
        lay(cross, palette(name, "mark", 0.9))
    return (picture + 0.5).astype(np.uint8)


def sprite_layers(name: str, palette: Palette, scale: float, radius_m: float) -> list[Layer]:
    """The four layers of a thing, from its shadow up. Lengths in pixels: metres times `scale`."""
    r = radius_m * scale
    shadow = Layer(SHADOW_M[0] * scale, SHADOW_M[1] * scale, r, 0.02 * scale + 1.0, 0.35, (0, 0, 0))

    def layer(part: float, rgb: Array, shift: float = 0.0) -> Layer:
        return Layer(shift * r, shift * r, part * r, 1.0, 1.0, tuple(rgb))

    if name == "pusher":
        dark, pale = palette("pusher"), palette.lit(np.array([0.93, 0.94, 0.96]))
        return [shadow, layer(1.0, dark), layer(0.46, pale), layer(0.2, dark)]
    colour = OBJECTS[name].colour
    plain, deep = palette(colour, "object"), palette(colour, "object", 0.66)
    white = 0.55 * palette.lit(np.ones(3)) + 0.45 * plain
    if name == "cup":  # a rim around a hollow
        return [shadow, layer(1.0, plain), layer(0.66, deep), layer(0.40, white, 0.14)]
    if name == "box":  # a lid with a darker border
        return [shadow, layer(1.0, deep), layer(0.76, plain), layer(0.22, white)]
    return [shadow, layer(1.0, deep), layer(0.90, plain, -0.06), layer(0.34, white, -0.34)]


class Painter:
    """Draws N tables at once; `prepare` one row when its episode begins, then `paint` any rows."""

    def __init__(self, count: int, size: int) -> None:
        self.size = size
        self.window = min(ceil(2 * LARGEST_M * 1.1 * size / VIEW_M) + 2, size)
        self.background = np.zeros((count, size, size, 3), np.uint8)
        self.turn = np.zeros((count, 2, 2), np.float32)
        self.scale = np.zeros((count, 1), np.float32)
        self.offset = np.zeros((count, 2), np.float32)
        self.sprites: dict[str, Sprite] = {
            name: empty_sprite(count, LAYERS, SQUARE[name]) for name in THINGS
        }
        self.cloths: dict[int, tuple[Array, Array]] = {}

    def prepare(
        self, row: int, factors: dict[str, float], layout: Layout, radii_m: dict[str, float]
    ) -> None:
        """Set camera, light, background and sprites of one picture for an episode."""
        camera, palette = Camera(factors, self.size), Palette(factors)
        self.background[row] = draw_background(camera, palette, layout, self.size)
        self.turn[row], self.offset[row] = camera.turn, camera.offset
        self.scale[row] = camera.scale
        for name, sprite in self.sprites.items():
            radius = radii_m.get(name, PUSHER_RADIUS_M)
            sprite.write(row, sprite_layers(name, palette, camera.scale, radius))
        self.cloths.pop(row, None)
        if factors["cloth"] > 0.0:
            self.cloths[row] = self._cloth(camera, palette, layout, factors["cloth"])

    def _cloth(
        self, camera: Camera, palette: Palette, layout: Layout, opacity: float
    ) -> tuple[Array, Array]:
        """Coverage [S, S, 1] and colour [S, S, 3] of the cloth, with stripes along one side."""
        x, y = camera.world(self.size)
        cx, cy, wide, high, angle = layout.cloth
        c, s = cos(angle), sin(angle)
        u, v = c * (x - cx) + s * (y - cy), c * (y - cy) - s * (x - cx)
        cover = np.clip(0.5 - box_distance(u, v, wide, high, 0.02) * camera.scale, 0.0, 1.0)
        stripes = np.clip(0.5 + 4.0 * np.cos(u * 2 * np.pi / 0.08), 0.0, 1.0)[..., None]
        rgb = palette("cloth") * (1.0 - 0.12 * stripes)
        return (opacity * cover[..., None]).astype(np.float32), rgb.astype(np.float32)

    def paint(self, rows: Array, things: Array) -> Array:
        """Pictures of the tables in `rows` [M]: uint8 [M, S, S, 3].

        things float32 [M, 4, 5]: for pusher, cup, box, ball the place x, y in metres, the cosine
        and sine of its angle, and 1 if it is on the table.
        """
        canvas = self.background[rows]
        for index, name in reversed(list(enumerate(THINGS))):  # the pusher is above all
            here = np.flatnonzero(things[:, index, 4])
            if here.size:
                self._stamp(canvas, here, rows[here], things[here, index], self.sprites[name])
        for i, row in enumerate(rows.tolist() if self.cloths else ()):
            if row in self.cloths:
                cover, rgb = self.cloths[row]
                canvas[i] = canvas[i] + (rgb - canvas[i]) * cover + np.float32(0.5)
        return canvas

    def _stamp(self, canvas: Array, at: Array, rows: Array, thing: Array, sprite: Sprite) -> None:
        turn = self.turn[rows]
        u = turn[:, 0] * thing[:, :1] + turn[:, 1] * thing[:, 1:2]  # turn is symmetric
        centre = u * self.scale[rows] + self.offset[rows]
        direction = turn[:, 0] * thing[:, 2:3] + turn[:, 1] * thing[:, 3:4]
        stamp(canvas, at, centre, direction, sprite.rows(rows), self.window)
