"""What may differ between two galleries: what stands and rolls in them, and how they look."""

from __future__ import annotations

from foreworld.worlds.factors import Factor

FACTORS: dict[str, Factor] = {
    "pillars": Factor(
        "how many pillars, rounded: 0 to 3", 2.0, (1.5, 2.49), ((2.51, 3.49),), structural=True
    ),
    "boxes": Factor(
        "how many boxes, rounded: 0 to 2", 1.0, (0.51, 1.49), ((1.51, 2.49),), structural=True
    ),
    "balls": Factor(
        "how many balls, rounded: 0 to 2", 1.0, (0.51, 1.49), ((1.51, 2.49),), structural=True
    ),
    "screen": Factor(
        "half the length of the screen, in metres; 0: no screen",
        0.8,
        (0.6, 0.9),
        ((1.1, 1.4),),
        structural=True,
    ),
    "speed": Factor(
        "speed of the balls, in metres per step",
        0.08,
        (0.06, 0.1),
        ((0.02, 0.04), (0.13, 0.16)),
        structural=True,
    ),
    "kick": Factor(
        "standard deviation of what chance adds to a ball's speed, in metres per step",
        0.0,
        (0.002, 0.006),
        ((0.012, 0.02),),
        optional=True,
        structural=True,
    ),
    "stride": Factor(
        "length of your steps, times", 1.0, (0.9, 1.1), ((0.6, 0.75), (1.3, 1.5)), structural=True
    ),
    "turn": Factor(
        "width of your turns, times", 1.0, (0.9, 1.1), ((0.6, 0.75), (1.3, 1.5)), structural=True
    ),
    "hue": Factor(
        "shift of the things' hues, in turns", 0.0, (-0.03, 0.03), ((-0.08, -0.05), (0.05, 0.08))
    ),
    "brightness": Factor("brightness of the things, times", 1.0, (0.9, 1.1), ((0.65, 0.78),)),
    "wall_hue": Factor(
        "shift of the walls' hues, in turns", 0.0, (-0.04, 0.04), ((-0.3, -0.15), (0.15, 0.3))
    ),
    "light": Factor("brightness of the light, times", 1.0, (0.9, 1.08), ((0.6, 0.75),)),
    "noise": Factor(
        "noise of the sensor: its standard deviation, of 255", 0.0, (0.0, 4.0), ((8.0, 16.0),)
    ),
}
