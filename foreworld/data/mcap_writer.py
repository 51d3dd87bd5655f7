"""Episodes as MCAP files that Foxglove Studio opens: a file each, a topic for each key.

    episode_000003.mcap    /front          foxglove.CompressedImage, PNG
                           /arm/joints     JSON: {"data": [0.1, -0.2, 1.5]}
                           /action         one message fewer: the last leads nowhere

Numbers are written as Python writes them, which loses nothing.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foreworld.data.hdf5_writer import steps_of, texts
from foreworld.errors import require
from foreworld.vocab import Episode, Spec, Specs

NANOSECONDS = 1_000_000_000
PICTURE = "foxglove.CompressedImage"


class McapWriter:
    """Writes one MCAP file for each episode; what is told of it besides is a metadata record."""

    def __init__(self, folder: Path, specs: Specs, fps: float) -> None:
        self.folder, self.fps = folder, fps
        self.specs = {key: spec for key, spec in specs.items() if spec.width > 0}
        self._episodes = 0
        self.columns = {"reward": "/reward"} | {k: _column(k, s) for k, s in self.specs.items()}

    def add(self, episode: Episode, task: str | None) -> None:
        steps_of(episode, self._episodes)
        path = self.folder / f"episode_{self._episodes:06d}.mcap"
        writer = require("mcap.writer", "data").Writer(str(path))
        writer.start(library="foreworld")
        schema = writer.register_schema(PICTURE, "jsonschema", b'{"type": "object"}')
        for key, spec in self.specs.items():
            values = episode[key][:-1] if key == "action" else episode[key]
            channel = writer.register_channel(f"/{key}", "json", schema * (spec.kind == "image"))
            self._topic(writer, channel, values, spec)
        reward = writer.register_channel("/reward", "json", 0)
        self._topic(writer, reward, episode["reward"], Spec((), "float32", "vector"))
        told = {"task": task} if task is not None else {}
        ended = json.dumps(bool(episode["is_terminal"][-1]))
        writer.add_metadata("episode", {"terminal": ended} | told)
        writer.finish()
        self._episodes += 1

    def finish(self) -> None:
        pass

    def _topic(self, writer: Any, channel: int, values: np.ndarray, spec: Spec) -> None:
        told = texts(values) if spec.kind == "text" else values
        for row, value in enumerate(told):
            time = round(row / self.fps * NANOSECONDS)
            message = _picture(value, time) if spec.kind == "image" else {"data": _plain(value)}
            writer.add_message(channel, time, json.dumps(message).encode(), time, row)


def _column(key: str, spec: Spec) -> str:
    """What `McapSource` calls it: a list has the name of its entry."""
    return f"/{key}/data" if spec.kind in ("vector", "discrete") and spec.shape else f"/{key}"


def _picture(pixels: np.ndarray, time: int) -> dict[str, Any]:
    out = io.BytesIO()
    grey = pixels.shape[2] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(out, "PNG", compress_level=1)
    stamp = {"sec": time // NANOSECONDS, "nsec": time % NANOSECONDS}
    data = base64.b64encode(out.getvalue()).decode()
    return {"timestamp": stamp, "frame_id": "", "format": "png", "data": data}


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
