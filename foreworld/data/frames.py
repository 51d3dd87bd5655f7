"""Frames of a video file by their time: its table of contents first, then only what is asked for.

film = look("front.mp4")                          # reads packets, decodes nothing
film.stamps                                       # seconds, float64 [N]
decode(film, film.at(wanted, tolerance=0.01))     # uint8 [n, height, width, 3]

Frames are known by the time they carry, never counted while decoding: a seek may land anywhere
before the frame that is wanted, and files of variable rate count differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.bounds import COPY
from foreworld.data.recording import Broken
from foreworld.errors import require

# What may be opened at all: a playlist that calls itself .mp4 names other files, or addresses.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
ONLY_FILES = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
MOST_PIXELS = 64_000_000  # of one frame
READ_ON = 12  # frames that are decoded in passing rather than jumped over: what a seek costs
LAYOUTS = {"rgb24": (3, np.uint8), "gray": (1, np.uint8), "gray12le": (1, np.uint16)}
REENCODE = "encode it again, as in: ffmpeg -i FILE -c:v libx264 OUT.mp4"


@dataclass(frozen=True)
class Film:
    """What a video file holds: N frames in the order they are shown."""

    path: Path
    height: int
    width: int
    codec: str
    pixels: str  # the decoder's pixel format, as in yuv420p
    second: int  # of the file's clock: ticks / second -> seconds
    tick: int
    pts: np.ndarray  # int64 [N], ascending: when each is shown, in ticks of tick / second
    keys: np.ndarray  # int64 [K]: frames that can be decoded without others
    key_dts: np.ndarray  # int64 [K]: where a seek finds them

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def stamps(self) -> np.ndarray:
        """When each frame is shown, seconds from the first, float64 [N]."""
        return (self.pts - self.pts[0]) * (self.tick / self.second)

    @property
    def fps(self) -> float:
        """Frames a second, by the median."""
        gaps = np.diff(self.stamps)
        return 1.0 / float(np.median(gaps)) if len(gaps) else 1.0

    def at(self, seconds: np.ndarray, tolerance: float) -> np.ndarray:
        """Index of the frame shown at each of `seconds` since the first, int64.

        Raises Broken where the nearest one is further away than `tolerance` seconds.
        """
        after = np.clip(np.searchsorted(self.stamps, seconds), 1, max(1, len(self) - 1))
        before = self.stamps[after - 1]
        after = np.minimum(after, len(self) - 1)
        nearest = np.where(seconds - before <= self.stamps[after] - seconds, after - 1, after)
        nearest = np.clip(nearest, 0, len(self) - 1)
        off = np.abs(self.stamps[nearest] - seconds)
        if (off > tolerance).any():
            first = int(np.argmax(off > tolerance))
            wrong = (
                f"no frame at {seconds[first]:.4f} s: the nearest is {off[first]:.4f} s away, of "
                f"{len(self)} frames over {self.stamps[-1]:.4f} s"
            )
            fix = "correct the rate, or where the episode begins, or encode the video again"
            raise Broken(self.path, "time stamps", wrong, fix)
        return nearest


@dataclass(frozen=True)
class Stretch:
    """A column: the frames of a film that belong to one recording.

    `open` is called when frames are read, so that a recording is described for nothing; `begin`
    is when its first row is shown, in seconds of the film.
    """

    stamps: np.ndarray
    open: Callable[[], Film]
    begin: float = 0.0
    tolerance: float = 0.01
    layout: str = "rgb24"
    convert: Callable[[np.ndarray], np.ndarray] | None = None  # of what is decoded

    def read(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        film = self.open()
        shown = self.begin + (self.stamps - self.stamps[:1])[np.asarray(rows, np.int64)]
        frames = decode(film, film.at(shown, self.tolerance), self.layout)
        return frames if self.convert is None else self.convert(frames)


def look(path: str | Path) -> Film:
    """A video's table of contents, of its first video stream.

    Raises Broken for a file that is cut short, is no video, or holds absurd pictures.
    """
    path = Path(path)
    with _opened(path) as (container, stream):
        height, width = stream.height, stream.width
        if not 0 < height * width <= MOST_PIXELS:
            raise Broken(path, "frame size", f"{width} x {height} pixels", REENCODE)
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and not packet.is_discard
        ]
        said, base = stream.frames, stream.time_base
        codec, pixels = stream.codec_context.name, stream.pix_fmt or ""
    if not packets or (said and len(packets) < said):
        wrong = f"{len(packets)} of {said or 'no'} frames are there: the file is cut short"
        raise Broken(path, "video", wrong, COPY)
    if any(pts is None or dts is None for pts, dts, _ in packets):
        raise Broken(path, "time stamps", "some frames have none", REENCODE)
    table = np.array(packets, np.int64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    if (np.diff(table[:, 0]) <= 0).any():
        raise Broken(path, "time stamps", "two frames are shown at once", REENCODE)
    keys = np.flatnonzero(table[:, 2])
    if not len(keys):
        raise Broken(path, "video", "holds no frame that can be decoded alone", REENCODE)
    return Film(
        path, height, width, codec, pixels, base.denominator, base.numerator,
        table[:, 0], keys, table[keys, 1],
    )  # fmt: skip


def decode(film: Film, wanted: np.ndarray, layout: str = "rgb24", threads: int = 1) -> np.ndarray:
    """Some frames of a film, ascending and perhaps repeated: [n, height, width, channels].

    layout: "rgb24" or "gray", uint8; "gray12le", uint16 of 12 bits. threads: of our own, each with
    a part of the frames and a decoder. Raises Broken where a frame does not decode.
    """
    channels, dtype = LAYOUTS[layout]
    unique, back = np.unique(np.asarray(wanted, np.int64), return_inverse=True)
    out = np.empty((len(unique), film.height, film.width, channels), dtype)
    parts = np.array_split(np.arange(len(unique)), max(1, min(threads, len(unique) // READ_ON)))
    if len(parts) == 1:
        _fill(film, unique, layout, out)
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            jobs = [
                pool.submit(_fill, film, unique[p], layout, out[p[0] : p[-1] + 1]) for p in parts
            ]
            for job in jobs:
                job.result()
    return out if len(back) == len(unique) else out[back]


def _fill(film: Film, wanted: np.ndarray, layout: str, out: np.ndarray) -> None:
    """Decode frames, strictly ascending, into `out`."""
    if not len(wanted):
        return
    place = {int(pts): n for n, pts in enumerate(film.pts[wanted])}
    with _opened(film.path) as (container, stream):
        # One for all frames: each frame's own would set up its conversion anew, at twice the time.
        reshape = require("av.video.reformatter", "data").VideoReformatter()
        for run in _runs(film, wanted):
            missing = set(film.pts[wanted[run]].tolist())
            # Once from the key frame before; and where the file's index misleads, from the start.
            for dts in (_seek_point(film, int(wanted[run.start])), int(film.key_dts[0])):
                for frame in _shown(container, stream, dts, missing):
                    # Threads for one small frame cost ten times what they do.
                    picture = reshape.reformat(frame, format=layout, threads=1).to_ndarray()
                    _place(film, picture, out[place[frame.pts]])
                if not missing:
                    break
            if missing:
                at = (min(missing) - int(film.pts[0])) * film.tick / film.second
                raise Broken(film.path, "video", f"the frame at {at:.4f} s does not decode", COPY)


def _shown(container: Any, stream: Any, dts: int, missing: set[int]) -> Iterator[Any]:
    """The frames that are missing, from a key frame on; they are struck off as they come."""
    last = max(missing)
    container.seek(dts, stream=stream, backward=True)
    for frame in container.decode(stream):
        if frame.pts in missing:
            missing.discard(frame.pts)
            yield frame
        if frame.pts is not None and frame.pts >= last:
            return


def _place(film: Film, picture: np.ndarray, out: np.ndarray) -> None:
    if picture.shape[:2] != out.shape[:2]:
        wrong = f"a frame of {picture.shape[1]} x {picture.shape[0]} among those of another size"
        raise Broken(film.path, "frame size", wrong, REENCODE)
    out[...] = picture.reshape(out.shape)


def _runs(film: Film, wanted: np.ndarray) -> list[slice]:
    """Frames that are decoded in one go; a seek where it skips more than it costs."""
    key = film.keys[np.maximum(np.searchsorted(film.keys, wanted, "right") - 1, 0)]
    jump = key[1:] - wanted[:-1] > READ_ON
    edges = [0, *(np.flatnonzero(jump) + 1).tolist(), len(wanted)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]


def _seek_point(film: Film, frame: int) -> int:
    return int(film.key_dts[max(0, int(np.searchsorted(film.keys, frame, "right")) - 1)])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A container and its first video stream; what the library says of a file becomes Broken."""
    av = require("av", "data")
    try:
        with av.open(str(path), container_options=ONLY_FILES) as container:
            if not container.streams.video:
                raise Broken(path, "video", "holds no video stream", REENCODE)
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # whoever reads many films reads them in parallel
            # A decoder paints over what it cannot read, and goes on; nobody would know.
            stream.codec_context.options = {"err_detect": "explode"}
            yield container, stream
    except (av.error.FFmpegError, OSError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise Broken(path, "video", f"cannot be read ({said})", COPY) from error
