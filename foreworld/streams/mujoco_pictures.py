"""MuJoCo's pictures without their finery: on a processor that costs tens of times the picture.

draw_fast(gymnasium.make("Ant-v5", render_mode="rgb_array"), image_size=64)

No shadows, reflections or smoothed edges, and drawn at the size that is asked for instead of drawn
large and shrunk. The numbers of a task stay as they are, the pixels do not: scores from such
pictures do not compare with published ones.

Without a screen, MuJoCo draws where MUJOCO_GL=egl (Debian: libegl1) or osmesa (libosmesa6) is set.
"""

from __future__ import annotations

from typing import Any

import gymnasium


def draw_fast(env: gymnasium.Env, image_size: int | None) -> None:
    """Before an environment of Gymnasium's MuJoCo or of dm_control is first rendered.

    image_size: pixels a side; None: the environment's own size. Raises ValueError for any other.
    """
    base: Any = env.unwrapped
    if hasattr(base, "mujoco_renderer"):
        model, renderer = base.model, base.mujoco_renderer
        if image_size is not None:
            renderer.width = renderer.height = image_size
    elif hasattr(base, "render_kwargs"):  # shimmy's adapter of dm_control
        model = base._env.physics.model.ptr
        if image_size is not None:
            base.render_kwargs = {**base.render_kwargs, "width": image_size, "height": image_size}
    else:
        raise ValueError(
            f"fast_pictures are MuJoCo's, and {type(base).__name__} is not drawn by it: drop it"
        )
    model.vis.quality.shadowsize = model.vis.quality.offsamples = 0
    model.mat_reflectance[:] = 0
    model.light_castshadow[:] = 0
