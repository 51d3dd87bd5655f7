"""What may differ between two tables: colours, light, camera, sizes, and how things slide."""

from __future__ import annotations

from foreworld.worlds.factors import Factor

FACTORS: dict[str, Factor] = {
    "object_hue": Factor(
        "shift of the objects' hues, in turns", 0.0, (-0.02, 0.02), ((-0.04, -0.03), (0.03, 0.04))
    ),
    "object_brightness": Factor(
        "brightness of the objects, times", 1.0, (0.9, 1.1), ((0.72, 0.82),)
    ),
    "mark_hue": Factor(
        "shift of the marks' hues, in turns", 0.0, (-0.02, 0.02), ((-0.04, -0.03), (0.03, 0.04))
    ),
    "mark_brightness": Factor("brightness of the marks, times", 1.0, (0.9, 1.1), ((0.72, 0.82),)),
    "table_brightness": Factor(
        "brightness of the table top, times", 1.0, (0.92, 1.06), ((0.78, 0.87),)
    ),
    "size": Factor(
        "size of the objects, times", 1.0, (0.9, 1.1), ((0.78, 0.86), (1.15, 1.25)), structural=True
    ),
    "friction": Factor(
        "friction on the table, times", 1.0, (0.8, 1.25), ((0.4, 0.65), (1.5, 2.0)), structural=True
    ),
    "mass": Factor(
        "mass of the objects, times", 1.0, (0.8, 1.25), ((0.4, 0.6), (1.6, 2.5)), structural=True
    ),
    "light": Factor("brightness of the light, times", 1.0, (0.9, 1.08), ((0.7, 0.83),)),
    "light_warmth": Factor(
        "red minus blue in the light", 0.0, (-0.04, 0.04), ((-0.15, -0.08), (0.08, 0.15))
    ),
    "camera_x": Factor(
        "camera shift to the right, in metres", 0.0, (-0.01, 0.01), ((-0.04, -0.02), (0.02, 0.04))
    ),
    "camera_y": Factor(
        "camera shift upwards, in metres", 0.0, (-0.01, 0.01), ((-0.04, -0.02), (0.02, 0.04))
    ),
    "camera_zoom": Factor("camera zoom, times", 1.0, (0.98, 1.02), ((0.92, 0.96), (1.03, 1.05))),
    "camera_roll": Factor(
        "camera rotation, in radians", 0.0, (-0.02, 0.02), ((-0.10, -0.05), (0.05, 0.10))
    ),
    "cloth": Factor(
        "opacity of the cloth; 0 means no cloth",
        0.0,
        (0.85, 0.95),
        ((0.97, 1.0),),
        optional=True,
        structural=True,
    ),
}
