"""Which formats there are, and which one a path holds: found by looking, never by running anything.

with open_source("pusht") as source:          # recognised; or open_source(path, "lerobot")
    source.features, source.fps, len(source)

A format is a class `Format(path)` that is a `Source` and whose `fits(path)` is cheap: it looks at
names and first bytes. What a format needs beyond the base install is imported when it is opened.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from foreworld.data.recording import Source
from foreworld.errors import unknown

FORMATS = {  # asked in this order: the particular before the general
    "foreworld": "foreworld.data.stored:StoredSource",
    "lerobot": "foreworld.data.lerobot:LeRobotSource",
    "minari": "foreworld.data.minari:MinariSource",
    "zarr": "foreworld.data.zarr:ZarrSource",
    "mcap": "foreworld.data.mcap:McapSource",
    "hdf5": "foreworld.data.hdf5:Hdf5Source",
    "rlds": "foreworld.data.rlds:RldsSource",
    "video": "foreworld.data.video:VideoSource",
}
LOOKS = {
    "foreworld": "a folder with manifest.json and chunks/",
    "lerobot": "a folder with meta/info.json",
    "minari": "a folder with main_data.hdf5 and metadata.json, or with data/ around them",
    "zarr": "a folder with .zgroup or zarr.json, or a file .zarr.zip",
    "mcap": "a file .mcap, or a folder of them",
    "hdf5": "an HDF5 file, or a folder of them",
    "rlds": "a folder of .tfrecord, .npz or .jsonl records",
    "video": "a video file, or a folder of them, with a table of actions beside each or without",
}
WRITERS = {
    "lerobot": "foreworld.data.lerobot_writer:LeRobotWriter",
    "minari": "foreworld.data.minari:MinariWriter",
    "hdf5": "foreworld.data.hdf5:Hdf5Writer",
    "zarr": "foreworld.data.zarr:ZarrWriter",
    "mcap": "foreworld.data.mcap_writer:McapWriter",
    "rerun": "foreworld.data.rerun_writer:RerunWriter",
}


def recognise(path: str | Path) -> str:
    """The name of the format that `path` is in.

    Raises ValueError, saying what each would look like, where it is none of them.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"there is nothing at {path}")
    for name, where in FORMATS.items():
        if resolve(where).fits(path):
            return name
    known = "; ".join(f"{name}: {looks}" for name, looks in LOOKS.items())
    raise ValueError(f"{path} is in no format known here, which are {known}")


def open_source(path: str | Path, format: str | None = None) -> Source:
    """The dataset at `path`. Raises ValueError for what is in no known format, or broken."""
    name = format or recognise(path)
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    path = Path(path)
    if not path.exists():
        raise ValueError(f"there is nothing at {path}")
    return resolve(FORMATS[name])(path)


def resolve(where: str) -> Any:
    """The class at "module:Class"."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)
