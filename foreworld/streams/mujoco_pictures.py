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


def take_turn(env: gymnasium.Env) -> None:
    """Before every picture: among Gymnasium's MuJoCo environments one draws at a time.

    Each draws in whatever context is current in the process, and does not claim its own back.
    """
    viewer = _viewer(env)
    if viewer is not None:
        viewer.make_context_current()


def put_brush_down(env: gymnasium.Env) -> None:
    """Before such an environment is closed: free what it draws on, where it drew.

    Freed later, with the object, it would be looked up by number in another environment's context:
    that one draws black from then on, without a word (gymnasium 1.4).
    """
    viewer = _viewer(env)
    if viewer is not None:
        viewer.make_context_current()
        viewer.con.free()
        env.unwrapped.mujoco_renderer.viewer = None  # pyright: ignore[reportAttributeAccessIssue]


def _viewer(env: gymnasium.Env) -> Any:
    return getattr(getattr(env.unwrapped, "mujoco_renderer", None), "viewer", None)
