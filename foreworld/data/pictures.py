"""Pictures that a dataset keeps as JPEG or PNG files among its numbers.

The size is read from a picture's own header and compared before its pixels are unpacked: a small
file can claim a very large picture.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foreworld.data.bounds import COPY, same_shape
from foreworld.data.columns import depth_feature
from foreworld.data.recording import Broken, Feature

MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
MOST_PIXELS = 64_000_000
SHRINK = f"at most {MOST_PIXELS:,} pixels are believed: shrink it"
MODES = {"1": 1, "L": 1, "P": 3, "RGB": 3, "RGBA": 4, "CMYK": 3, "YCbCr": 3, "LA": 1}
DEEP = ("I;16", "I;16B", "I", "F")


def is_picture(data: bytes) -> bool:
    """Whether bytes begin as a JPEG or PNG file does."""
    return data.startswith(MAGIC)


def picture_feature(data: Any, file: Path | str, what: str) -> Feature:
    """The column that a picture like this one makes: colours or greys, or 16-bit depth."""
    with _opened(data, file, what) as picture:
        shape = (picture.height, picture.width)
        if picture.mode in DEEP:
            kind = np.dtype("float32" if picture.mode == "F" else "uint16")
            return depth_feature((*shape, 1), kind)
        return Feature((*shape, MODES.get(picture.mode, 3)), "uint8", "image")


def unpack(pictures: Iterable[Any], feature: Feature, file: Path | str, what: str) -> np.ndarray:
    """Encoded pictures as [N, *feature.shape]. Raises Broken for those of another size."""
    datas = list(pictures)
    out = np.empty((len(datas), *feature.shape), feature.dtype)
    for row, data in zip(out, datas, strict=True):
        with _opened(data, file, what) as picture:
            same_shape(file, what, (picture.height, picture.width), feature.shape[:2])
            row[...] = _pixels(picture, feature, file, what).reshape(feature.shape)
    return out


def _opened(data: Any, file: Path | str, what: str) -> Image.Image:
    """A picture of which only the header was read."""
    if isinstance(data, np.ndarray):
        data = data.tobytes()
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "TIFF"))
    except (OSError, ValueError, SyntaxError) as error:
        raise Broken(file, what, f"holds no JPEG, PNG or TIFF picture: {error}", COPY) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Broken(file, what, f"a picture of too many pixels: {error}", SHRINK) from error
    if picture.width * picture.height > MOST_PIXELS:
        size = f"a picture of {picture.width} x {picture.height} pixels"
        raise Broken(file, what, size, SHRINK)
    return picture


def _pixels(picture: Image.Image, feature: Feature, file: Path | str, what: str) -> np.ndarray:
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    try:
        if feature.content == "image":
            picture = picture.convert(modes[feature.shape[2]])
        return np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise Broken(file, what, f"a picture is damaged: {error}", COPY) from error
