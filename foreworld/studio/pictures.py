"""Pictures on their way to a browser: JPEG, or raw RGB with its size in front."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
from PIL import Image

QUALITY = 90
LARGEST = 512  # pixels a side; larger ones are shrunk


def encode(picture: np.ndarray | None, raw: bool) -> bytes:
    """uint8 [H, W, C] with 1 or 3 channels (of others the first three) -> bytes; None: none."""
    if picture is None:
        return b""
    pixels = rgb(picture)
    if raw:
        return struct.pack("<HH", pixels.shape[1], pixels.shape[0]) + pixels.tobytes()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def as_text(picture: np.ndarray | None) -> str | None:
    """A JPEG as base64, for JSON."""
    return None if picture is None else base64.b64encode(encode(picture, False)).decode()


def rgb(picture: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3], no side longer than LARGEST."""
    if picture.shape[-1] != 3:
        picture = np.concatenate([picture[..., :3]] * 3, -1)[..., :3]
    step = -(-max(picture.shape[:2]) // LARGEST)
    return np.ascontiguousarray(picture[::step, ::step])
