"""Episodes as Rerun recordings, to be looked at: a .rrd file each, an entity for each key.

    episode_000003.rrd    /front          pictures          timelines: `row`, and `time` in seconds
                          /arm/joints     a curve for each number, by its name
                          /instruction    words, where they change

Rerun (rerun.io) shows them: `rerun out/*.rrd`. They are not read back.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foreworld.data.hdf5_writer import steps_of, texts
from foreworld.errors import require
from foreworld.vocab import Episode, Spec, Specs

APPLICATION = "foreworld"
QUALITY = 90  # of JPEG


class RerunWriter:
    """Writes one .rrd file for each episode.

    codec: of pictures, "png" as they are, or "jpeg", a tenth as large.
    """

    columns: Mapping[str, str] = {}  # nothing is read back

    def __init__(self, folder: Path, specs: Specs, fps: float, codec: str = "png") -> None:
        if codec not in ("png", "jpeg"):
            raise ValueError(f"codec={codec!r}; valid: 'png', 'jpeg'")
        self.folder, self.fps, self.codec = folder, fps, codec
        self.rerun = require("rerun", "rerun")
        self.specs = {key: spec for key, spec in specs.items() if spec.width > 0}
        self._episodes = 0

    def add(self, episode: Episode, task: str | None) -> None:
        steps_of(episode, self._episodes)
        name = f"episode_{self._episodes:06d}"
        recording = self.rerun.RecordingStream(APPLICATION, recording_id=name)
        recording.save(str(self.folder / f"{name}.rrd"))
        recording.send_recording_name(f"{name}: {task}" if task else name)
        for key, spec in self.specs.items():
            # The last action leads nowhere.
            self._key(recording, key, spec, episode[key][:-1] if key == "action" else episode[key])
        self._key(recording, "reward", Spec((), "float32", "vector"), episode["reward"])
        recording.flush()
        recording.disconnect()
        self._episodes += 1

    def finish(self) -> None:
        pass

    def _key(self, recording: Any, key: str, spec: Spec, values: np.ndarray) -> None:
        rr, rows = self.rerun, np.arange(len(values))
        entity = rr.new_entity_path(key.split("/"))
        if spec.kind == "image":
            blobs = [self._picture(pixels) for pixels in values]
            told = rr.EncodedImage.columns(
                blob=blobs, media_type=[f"image/{self.codec}"] * len(rows)
            )
        elif spec.kind == "text":
            said = texts(values)
            rows = np.array([n for n, text in enumerate(said) if not n or text != said[n - 1]])
            told = rr.TextDocument.columns(text=[said[n] for n in rows])
        else:
            flat = np.asarray(values, np.float64).reshape(len(values), -1)
            told = rr.Scalars.columns(scalars=flat)
            recording.log(entity, rr.SeriesLines(names=_names(key, spec)), static=True)
        clocks = [
            rr.TimeColumn("row", sequence=rows),
            rr.TimeColumn("time", duration=rows / self.fps),
        ]
        recording.send_columns(entity, clocks, told)

    def _picture(self, pixels: np.ndarray) -> bytes:
        out = io.BytesIO()
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        options = {"quality": QUALITY} if self.codec == "jpeg" else {"compress_level": 1}
        image.save(out, self.codec, **options)
        return out.getvalue()


def _names(key: str, spec: Spec) -> list[str]:
    """What each curve is called."""
    if spec.names:
        return list(spec.names)
    return [key] if spec.width == 1 else [f"{key}[{n}]" for n in range(spec.width)]
