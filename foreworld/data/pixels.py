"""Pictures that a message holds pixel by pixel, in the encodings of ROS and Foxglove.

{"height": 480, "width": 640, "encoding": "bgr8", "step": 1920, "data": b"..."}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY, REWRITE, same_shape
from foreworld.data.columns import depth_feature
from foreworld.data.pictures import MOST_PIXELS
from foreworld.data.recording import Broken, Feature

PIXELS = {  # encoding: dtype, channels, and which of them are red, green, blue
    "rgb8": ("u1", 3, (0, 1, 2)), "bgr8": ("u1", 3, (2, 1, 0)), "mono8": ("u1", 1, (0,)),
    "8uc1": ("u1", 1, (0,)), "8uc3": ("u1", 3, (0, 1, 2)), "rgba8": ("u1", 4, (0, 1, 2)),
    "bgra8": ("u1", 4, (2, 1, 0)), "16uc1": ("u2", 1, (0,)), "mono16": ("u2", 1, (0,)),
    "32fc1": ("f4", 1, (0,)),
}  # fmt: skip


def pixel_feature(message: dict[str, Any], file: Path, topic: str) -> Feature:
    """The column that such pictures make. Raises Broken for encodings that are not known."""
    dtype, channels, _ = _pixel_form(message, file, topic)
    shape = (int(message.get("height", 0)), int(message.get("width", 0)))
    if min(shape) < 1 or shape[0] * shape[1] > MOST_PIXELS:
        raise Broken(file, topic, f"a picture of {shape[1]} x {shape[0]} pixels", REWRITE)
    if dtype == "u1":
        return Feature((*shape, 1 if channels == 1 else 3), "uint8", "image")
    return depth_feature((*shape, 1), np.dtype(dtype))


def pixels_of(message: dict[str, Any], feature: Feature, file: Path, topic: str) -> np.ndarray:
    """Its pixels as `feature` has them. Raises Broken for another size, or too few bytes."""
    dtype, channels, colours = _pixel_form(message, file, topic)
    same_shape(file, topic, pixel_feature(message, file, topic).shape, feature.shape)
    height, width = feature.shape[:2]
    kind = np.dtype(dtype).newbyteorder(">" if message.get("is_bigendian") else "<")
    row = width * channels * kind.itemsize
    step = int(message.get("step") or row)
    data = np.frombuffer(message.get("data", b""), np.uint8)
    if step < row or len(data) < step * height:
        wrong = f"{len(data):,} bytes, {height} rows of {step} would be {step * height:,}"
        raise Broken(file, topic, wrong, COPY)
    lines = np.ascontiguousarray(data[: step * height].reshape(height, step)[:, :row])
    return lines.view(kind).reshape(height, width, channels)[..., list(colours)]


def _pixel_form(
    message: dict[str, Any], file: Path, topic: str
) -> tuple[str, int, tuple[int, ...]]:
    name = str(message.get("encoding", "")).lower()
    if name not in PIXELS:
        raise Broken(file, f"{topic}.encoding", f"{name!r}", f"known are {', '.join(PIXELS)}")
    return PIXELS[name]
