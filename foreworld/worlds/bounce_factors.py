"""What may differ between two boxes of balls: how they move, and how they look.

More balls than in training, gravity upwards and strong kicks occur in the test ranges only.
"""

from __future__ import annotations

from foreworld.worlds.factors import Factor

FACTORS: dict[str, Factor] = {
    "balls": Factor(
        "how many balls, yours included, rounded: 1 to 4",
        3.0,
        (1.5, 3.49),
        ((3.51, 4.49),),
        structural=True,
    ),
    "gravity": Factor(
        "pull downwards, in widths per step and step",
        0.0,
        (0.0006, 0.0012),
        ((-0.0012, -0.0006), (0.0016, 0.0022)),
        optional=True,
        structural=True,
    ),
    "friction": Factor(
        "share of their speed that balls lose in a step",
        0.0,
        (0.0, 0.01),
        ((0.03, 0.06),),
        structural=True,
    ),
    "kick": Factor(
        "standard deviation of what chance adds to a speed in a step, in widths per step",
        0.0,
        (0.0005, 0.0015),
        ((0.003, 0.005),),
        optional=True,
        structural=True,
    ),
    "push": Factor(
        "force of your ball, times", 1.0, (0.9, 1.1), ((0.6, 0.75), (1.3, 1.5)), structural=True
    ),
    "speed": Factor(
        "speed of the others at the start, in widths per step",
        0.025,
        (0.02, 0.03),
        ((0.008, 0.014), (0.04, 0.05)),
        structural=True,
    ),
    "size": Factor(
        "radius of the balls, times", 1.0, (0.9, 1.1), ((0.7, 0.8), (1.2, 1.3)), structural=True
    ),
    "screen": Factor(
        "half the width of the screen; 0: no screen",
        0.11,
        (0.09, 0.13),
        ((0.15, 0.19),),
        structural=True,
    ),
    "screen_x": Factor(
        "where the screen stands",
        0.0,
        (-0.12, 0.12),
        ((-0.24, -0.16), (0.16, 0.24)),
        structural=True,
    ),
    "hue": Factor(
        "shift of the balls' hues, in turns", 0.0, (-0.03, 0.03), ((-0.09, -0.06), (0.06, 0.09))
    ),
    "brightness": Factor("brightness of the balls, times", 1.0, (0.9, 1.1), ((0.65, 0.78),)),
    "floor_brightness": Factor(
        "brightness of the floor, times", 1.0, (0.9, 1.1), ((0.5, 0.7), (1.5, 1.9))
    ),
    "screen_hue": Factor(
        "shift of the screen's hue, in turns", 0.0, (-0.04, 0.04), ((-0.3, -0.15), (0.15, 0.3))
    ),
    "noise": Factor(
        "noise of the sensor: its standard deviation, of 255", 0.0, (0.0, 4.0), ((8.0, 16.0),)
    ),
}
