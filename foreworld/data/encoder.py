"""Writes video files frame by frame: exactly, or as small as a codec makes them.

with FilmWriter("front.mp4", fps=10, height=96, width=96, codec="lossless") as film:
    begin = film.add(frames)             # uint8 [n, 96, 96, 3] -> second of the first of them

lossless   H.264 of RGB, bit for bit        h264   opens everywhere, small, lossy
depth      HEVC of 12 bits, bit for bit     av1    LeRobot's own setting: smallest, lossy
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.errors import require, unknown


@dataclass(frozen=True)
class Codec:
    """An encoder and how it is set; `pixels` by the number of channels."""

    encoder: dict[int, str]
    pixels: dict[int, str]
    options: dict[str, str] = field(default_factory=dict)
    quality: str | None = None  # its option that trades size for likeness; None: it is exact
    # Frames from one that is decoded alone to the next. LeRobot's 2 makes films of simulators 2.5
    # times as large as 10 does, and single frames hardly faster to reach: opening costs more.
    key_every: int = 10


CODECS = {
    # The fastest preset of H.264 packs 40 % worse and is decoded 2.5 times as fast.
    "lossless": Codec(
        {1: "libx264", 3: "libx264rgb"},
        {1: "gray", 3: "rgb24"},
        {"qp": "0", "preset": "ultrafast"},
    ),
    "h264": Codec(
        {1: "libx264", 3: "libx264"},
        {1: "gray", 3: "yuv420p"},
        {"crf": "18", "preset": "veryfast"},
        "crf",
    ),
    "av1": Codec(
        {1: "libsvtav1", 3: "libsvtav1"},
        {1: "yuv420p", 3: "yuv420p"},
        {"crf": "30", "preset": "11", "svtav1-params": "lp=1"},
        "crf",
        2,  # of 10, those between become as unlike as their neighbours
    ),
    "depth": Codec(
        {1: "libx265"},
        {1: "gray12le"},
        {"preset": "ultrafast", "x265-params": "lossless=1:log-level=error"},
        # Predicted frames of 32 pixels a side and less come back changed, now and then.
        key_every=1,
    ),
}


def find_codec(name: str) -> Codec:
    """A codec by its name. Raises ValueError with the nearest one."""
    if name not in CODECS:
        raise unknown("codec", name, CODECS)
    return CODECS[name]


class FilmWriter:
    """One video file that grows; whole only once it was closed.

    quality: of "h264" and "av1", lower is better (their crf; None: the codec's usual one).
    key_every: frames from one that is decoded alone to the next; None: what suits the codec.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        height: int,
        width: int,
        channels: int = 3,
        codec: str = "lossless",
        quality: int | None = None,
        key_every: int | None = None,
    ) -> None:
        chosen = find_codec(codec)
        self.path, self.frames = Path(path), 0
        self._layout = "gray12le" if codec == "depth" else {1: "gray", 3: "rgb24"}[channels]
        self._step = 1 / rate_of(fps)
        self._av = require("av", "data")
        self._reshape = require("av.video.reformatter", "data").VideoReformatter()
        options = {**chosen.options, "g": str(key_every or chosen.key_every)}
        if chosen.quality and quality is not None:
            options[chosen.quality] = str(quality)
        if chosen.pixels[channels] == "yuv420p" and (height % 2 or width % 2):
            raise ValueError(
                f"{width} x {height} pixels: {codec} halves colours and needs even sides; "
                "codec='lossless' takes any"
            )
        if codec == "av1":
            self._av.logging.set_level(self._av.logging.ERROR)
        self._container = self._av.open(str(path), "w")
        self._stream: Any = self._container.add_stream(
            chosen.encoder[channels], rate=rate_of(fps), options=options
        )
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = chosen.pixels[channels]
        self._stream.codec_context.thread_count = 1
        if chosen.pixels[channels] == "gray":
            self._stream.codec_context.color_range = 2  # 0 … 255: a decoder would stretch 16 … 235

    @property
    def seconds(self) -> float:
        """When the next frame will be shown, from the file's beginning."""
        return float(self.frames * self._step)

    def add(self, frames: np.ndarray) -> float:
        """Append frames [n, height, width, channels]; the second at which the first is shown."""
        begin = self.seconds
        for number, picture in enumerate(frames):
            plane = picture[..., 0] if picture.shape[-1] == 1 else picture
            frame = self._av.VideoFrame.from_ndarray(
                np.ascontiguousarray(plane), format=self._layout
            )
            frame = self._reshape.reformat(frame, format=self._stream.pix_fmt, threads=1)
            frame.pts, frame.time_base = self.frames, self._step
            if number == 0:  # an episode is decoded without the one before it
                frame.pict_type = self._av.video.frame.PictureType.I
            self._container.mux(self._stream.encode(frame))
            self.frames += 1
        return begin

    def close(self) -> None:
        """Write what the encoder still holds, and the table without which nothing is found."""
        self._container.mux(self._stream.encode())
        self._container.close()

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def rate_of(fps: float) -> Fraction:
    """Frames a second as a fraction."""
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps={fps}: frames a second, above 0")
    return Fraction(fps).limit_denominator(1001)


def psnr(given: np.ndarray, back: np.ndarray) -> float:
    """Peak signal-to-noise ratio of bytes, decibels; inf where they are equal."""
    error = np.mean((given.astype(np.float64) - back.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))
