"""One camera of a LeRobot dataset that is being written: films, their statistics, and a check.

Some frames are kept as they were given, and compared with what the files hold in the end: exactly,
where the codec is exact; otherwise their likeness is what the codec costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foreworld.data.depth import DepthCode
from foreworld.data.encoder import FilmWriter, find_codec, psnr
from foreworld.data.frames import decode, look
from foreworld.data.lerobot_statistics import histogram, of_numbers, of_pictures

SAMPLED = 16  # frames of an episode that its statistics are taken of
CHECKED = 64  # frames of a camera that are compared in the end
MEGABYTE = 2**20


@dataclass(frozen=True)
class Place:
    """Where an episode's frames went."""

    file: int
    begin: float  # seconds
    end: float


class Camera:
    """Writes episodes one behind the other, a new file when one is full.

    path_of: file number -> path. code: of depth, given in metres; None: bytes.
    """

    def __init__(
        self,
        path_of: Any,
        fps: float,
        shape: tuple[int, ...],
        codec: str,
        quality: int | None,
        key_every: int | None,
        megabytes: float,
        code: DepthCode | None = None,
    ) -> None:
        self._path_of, self._fps, self._shape = path_of, fps, (*shape, 1)[:3]
        self._code, self._codec = code, "depth" if code else codec
        usual = find_codec(self._codec).key_every
        every = usual if code else key_every or usual  # depth is not exact otherwise
        self._settings = {"codec": self._codec, "quality": quality, "key_every": every}
        self._room = megabytes * MEGABYTE
        self._file, self._film = -1, None
        self._kept: list[tuple[Path, float, np.ndarray]] = []
        self._rng = np.random.default_rng(0)
        self._seen = 0

    def add(self, frames: np.ndarray) -> tuple[Place, dict[str, np.ndarray]]:
        """Append an episode [T, H, W, C], or metres [T, H, W]; its place and statistics."""
        frames = frames.reshape(len(frames), *self._shape)
        film = self._room_for()
        begin = film.add(frames) if self._code is None else film.add(self._code.encode(frames))
        picked = np.unique(np.linspace(0, len(frames) - 1, SAMPLED).astype(int))
        for n in picked:
            self._keep(film.path, begin + n / self._fps, frames[n])
        some = frames[picked]
        if self._code is None:
            told = of_pictures(histogram(some), len(some))
        else:
            flat = of_numbers(some.reshape(-1))
            told = {k: v[:, None, None] for k, v in flat.items()} | {"count": np.array([len(some)])}
        return Place(self._file, begin, film.seconds), told

    def close(self) -> None:
        if self._film is not None:
            self._film.close()
        self._film = None

    def info(self) -> dict[str, Any]:
        """The entry of info.json that describes the first file."""
        film = look(self._path_of(0))
        told = {
            "video.height": film.height, "video.width": film.width, "video.codec": film.codec,
            "video.pix_fmt": film.pixels, "video.fps": self._fps,
            "video.channels": self._shape[2], "has_audio": False, "is_depth_map": False,
            "video.g": self._settings["key_every"],
        }  # fmt: skip
        return told | (self._code.to_info() if self._code else {})

    def likeness(self) -> float:
        """PSNR of frames read back, decibels; inf: bit for bit. Of depth, of its codes.

        Raises ValueError where a codec that is exact was not.
        """
        given, back = [], []
        for path in sorted({path for path, _, _ in self._kept}):
            kept = sorted((s, n) for n, (p, s, _) in enumerate(self._kept) if p == path)
            film = look(path)
            seconds = np.array([second for second, _ in kept])
            layout = "gray12le" if self._code else {1: "gray", 3: "rgb24"}[self._shape[2]]
            back.append(decode(film, film.at(seconds, 0.25 / self._fps), layout))
            given.append(np.stack([self._kept[n][2] for _, n in kept]))
        whole = np.concatenate(given)
        whole = whole if self._code is None else self._code.encode(whole)
        told = psnr(whole, np.concatenate(back))
        if find_codec(self._codec).quality is None and told != float("inf"):
            raise ValueError(
                f"{self._path_of(0)}: {self._codec} did not give back what it was given"
            )
        return told

    def _room_for(self) -> FilmWriter:
        if self._film is None or self._film.path.stat().st_size > self._room:
            self.close()
            self._file += 1
            path = self._path_of(self._file)
            path.parent.mkdir(parents=True, exist_ok=True)
            height, width, channels = self._shape
            self._film = FilmWriter(path, self._fps, height, width, channels, **self._settings)
        return self._film

    def _keep(self, path: Path, second: float, frame: np.ndarray) -> None:
        """A fair sample of all frames (Vitter's algorithm R)."""
        self._seen += 1
        kept = (path, second, np.array(frame))
        if len(self._kept) < CHECKED:
            self._kept.append(kept)
        elif (n := int(self._rng.integers(self._seen))) < CHECKED:
            self._kept[n] = kept
