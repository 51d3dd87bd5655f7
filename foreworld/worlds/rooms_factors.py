"""What may differ between two houses: places of wall and door, sizes, speed, colours, sensor."""

from __future__ import annotations

from foreworld.worlds.factors import Factor

FACTORS: dict[str, Factor] = {
    "wall_x": Factor(
        "where the wall between the rooms stands",
        0.0,
        (-0.15, 0.15),
        ((-0.22, -0.17), (0.17, 0.22)),
        optional=True,
        structural=True,
    ),
    "door_y": Factor(
        "where the door in it is",
        0.2,
        (-0.25, 0.25),
        ((-0.30, -0.27), (0.27, 0.30)),
        optional=True,
        structural=True,
    ),
    "wall_width": Factor(
        "thickness of the wall", 0.05, (0.04, 0.06), ((0.08, 0.10),), structural=True
    ),
    "door_width": Factor(
        "width of the door", 0.20, (0.18, 0.22), ((0.14, 0.16), (0.24, 0.28)), structural=True
    ),
    "dot_size": Factor(
        "size of the dot, times", 1.0, (0.9, 1.1), ((0.75, 0.82), (1.18, 1.25)), structural=True
    ),
    "speed": Factor(
        "how far an action moves the dot, times",
        1.0,
        (0.9, 1.1),
        ((0.6, 0.75), (1.3, 1.5)),
        structural=True,
    ),
    "dot_hue": Factor(
        "shift of the dot's hue, in turns", 0.0, (-0.03, 0.03), ((-0.15, -0.08), (0.08, 0.15))
    ),
    "dot_brightness": Factor("brightness of the dot, times", 1.0, (0.9, 1.1), ((0.7, 0.8),)),
    "floor_brightness": Factor(
        "brightness of the floor, times", 1.0, (0.92, 1.06), ((0.72, 0.84),)
    ),
    "noise": Factor(
        "noise of the sensor: its standard deviation, of 255", 0.0, (0.0, 4.0), ((8.0, 16.0),)
    ),
}
