"""Frames of any layout become uint8 [height, width, channels], at most `image_size` on a side.

[N, 210, 160, 3]  image_size=64  ->  [N, 64, 64, 3]
[N, 7, 7, 3]      image_size=64  ->  [N, 7, 7, 3]     small images are kept, never blown up
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def shrunk_shape(height: int, width: int, image_size: int | None) -> tuple[int, int]:
    """Height and width after `shrink`: square, or untouched when both sides already fit."""
    if image_size is None or max(height, width) <= image_size:
        return height, width
    return image_size, image_size


def shrink(frames: np.ndarray, image_size: int | None) -> np.ndarray:
    """Frames uint8 [N, H, W, C] to [N, *shrunk_shape(H, W), C] by averaging areas (box filter)."""
    height, width = shrunk_shape(frames.shape[1], frames.shape[2], image_size)
    if (height, width) == frames.shape[1:3]:
        return frames
    shrunk = np.empty((len(frames), height, width, frames.shape[3]), np.uint8)
    plain = frames.reshape(frames.shape[:3]) if frames.shape[3] == 1 else frames  # Pillow's grey
    for row, frame in zip(shrunk, plain, strict=True):
        small = Image.fromarray(frame).resize((width, height), Image.Resampling.BOX)
        row[...] = np.asarray(small).reshape(row.shape)
    return shrunk


def image_layout(shape: tuple[int, ...]) -> str | None:
    """Which axes of an image-like uint8 shape are which: "HWC", "CHW", "HW", or None (no image)."""
    if len(shape) == 2:
        return "HW"
    if len(shape) != 3:
        return None
    last, first = shape[-1] in (1, 3), shape[0] in (1, 3)
    # [3, 64, 3] could be either: channels last is what Gymnasium asks for, so it wins.
    return "HWC" if last else "CHW" if first else None


def channels_last(frames: np.ndarray, layout: str) -> np.ndarray:
    """Frames [N, ...] of `layout` as [N, H, W, C]."""
    if layout == "CHW":
        return np.moveaxis(frames, 1, -1)
    return frames[..., None] if layout == "HW" else frames
