"""A checkpoint is a directory that is there whole or not at all, and holds no code.

    checkpoints/000000012000/
      manifest.json           format, kind, step, time, commit, and a SHA-256 of every file
      config.json             documents, one JSON file each
      specs.json
      progress.json
      model.safetensors       arrays, one file of named tensors a group
      optimizer.safetensors
      done                    written last: the SHA-256 of the manifest

It is written as a hidden sibling, flushed to the disk and renamed. One process at a time may write
to one path; give each step a path of its own where others read meanwhile.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from foreworld.disk import sync
from foreworld.errors import unknown

FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # a plain file name: no way out of the folder
RETRY = "copy it again, or load an earlier one beside it"
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: groups of named tensors, JSON documents, and its manifest."""

    arrays: dict[str, Tensors]
    documents: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def step(self) -> int:
        return self.manifest["step"]


def save_checkpoint(
    path: str | Path,
    *,
    arrays: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Any],
    step: int = 0,
    kind: str = "checkpoint",
    keep: int | None = None,
) -> Path:
    """Write a checkpoint, in place of one that may be there; after a crash the old one still loads.

    keep: of the checkpoints of this kind beside it, keep only the last so many (None: all).
    Tensors that share memory are stored once and share it again when loaded.
    """
    path = Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path / "done").exists():  # an episode store, somebody's photographs
        raise ValueError(f"{path} exists and is no checkpoint; give a path of its own")
    if keep is not None and keep < 1:
        raise ValueError(f"keep={keep}; keep at least 1 checkpoint, or None for all")
    _sweep(path.parent, f".{path.name}.tmp-*")
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    temporary.mkdir()
    try:
        _write_files(temporary, arrays, documents, {"kind": kind, "step": step})
    except BaseException:
        shutil.rmtree(temporary)
        raise
    _swap(temporary, path)
    if keep is not None:
        _prune(path, kind, keep)
    return path


def load_checkpoint(path: str | Path, names: list[str] | None = None) -> Checkpoint:
    """Read a checkpoint onto the CPU; `names` limits the groups of arrays ([]: documents only).

    Raises ValueError for what is missing, damaged, foreign or from a newer version.
    """
    folder = _whereabouts(Path(path).absolute())
    manifest = read_manifest(folder)
    groups = [f[: -len(".safetensors")] for f in manifest["files"] if f.endswith(".safetensors")]
    for name in names or ():
        if name not in groups:
            raise unknown(f"group of arrays in {path}", name, groups)
    wanted = groups if names is None else names
    arrays = {name: _read_group(folder, name, manifest) for name in wanted}
    files = [_verified(folder, f, manifest) for f in manifest["files"] if f.endswith(".json")]
    documents = {file.stem: json.loads(file.read_text()) for file in files}
    return Checkpoint(arrays, documents, manifest)


def latest(directory: str | Path) -> Path | None:
    """The newest complete checkpoint in a directory, by step, then by time; None: there is none."""
    found = checkpoints(directory)
    return found[-1] if found else None


def checkpoints(directory: str | Path) -> list[Path]:
    """The complete checkpoints in a directory, oldest first."""
    directory = Path(directory).absolute()
    folders = (manifest.parent for manifest in directory.glob("*/manifest.json"))
    names = {_public_name(folder.name) for folder in folders}
    dated = []
    for path in (directory / name for name in names if name):
        try:
            manifest = read_manifest(_whereabouts(path))
        except ValueError:
            continue
        dated.append((manifest["step"], manifest["time"], path))
    return [path for *_, path in sorted(dated)]


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest of a complete checkpoint. Raises ValueError like `load_checkpoint`."""
    folder = _whereabouts(Path(path).absolute())
    if not (folder / "manifest.json").is_file():
        raise ValueError(_not_a_checkpoint(Path(path)))
    done = folder / "done"
    if not done.is_file() or done.read_text() != _sha256(folder / "manifest.json"):
        raise ValueError(f"{path} is incomplete or damaged (its `done` mark does not fit); {RETRY}")
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest["format"] > FORMAT:
        raise ValueError(
            f"{path} was written by a newer foreworld (format {manifest['format']}, this one reads "
            f"{FORMAT}); type: pip install -U foreworld"
        )
    for name in manifest["files"]:
        if not NAME.fullmatch(name):
            raise ValueError(f"{path} names a file {name!r} outside itself; do not trust it")
    return manifest


def _write_files(
    folder: Path,
    arrays: Mapping[str, Mapping[str, Tensor]],
    documents: Mapping[str, Any],
    head: dict[str, Any],
) -> None:
    aliases = {}
    for name, document in documents.items():
        _write_json(_file(folder, name, ".json"), document)
    for name, tensors in arrays.items():
        unique, aliases[name] = _without_twins(tensors)
        file = _file(folder, name, ".safetensors")
        save_file(unique, file)
        sync(file)
    hashes = {file.name: _sha256(file) for file in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, **head, "time": time.time(), "commit": _commit()}
    manifest |= {"files": hashes, "aliases": {k: v for k, v in aliases.items() if v}}
    _write_json(folder / "manifest.json", manifest)
    _write(folder / "done", _sha256(folder / "manifest.json"))
    sync(folder)


def _file(folder: Path, name: str, suffix: str) -> Path:
    if not NAME.fullmatch(name) or name == "manifest":
        raise ValueError(f"{name!r} cannot name a file in a checkpoint; use letters and digits")
    return folder / f"{name}{suffix}"


def _write_json(file: Path, document: Any) -> None:
    try:
        _write(file, json.dumps(document, indent=2))
    except TypeError as error:
        raise ValueError(f"document {file.stem!r} is not JSON: {error}") from None


def _write(file: Path, content: str) -> None:
    file.write_text(content)
    sync(file)


def _without_twins(tensors: Mapping[str, Tensor]) -> tuple[Tensors, dict[str, str]]:
    """Contiguous tensors that share no memory, and {name: name of its twin} for the rest."""
    unique: Tensors = {}
    aliases: dict[str, str] = {}
    seen: dict[Any, str] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride(), tensor.device)
        if tensor.numel() and place in seen:
            aliases[name] = seen[place]
            continue
        seen[place] = name
        # A part of a larger tensor, or another view of one that is stored, becomes a copy.
        storage = tensor.untyped_storage()
        alone = storage.nbytes() == tensor.nbytes and storage.data_ptr() not in storages
        storages.add(storage.data_ptr())
        plain = tensor.detach().cpu().contiguous()
        unique[name] = plain if alone else plain.clone()
    return unique, aliases


def _verified(folder: Path, name: str, manifest: Mapping[str, Any]) -> Path:
    file = folder / name
    if not file.is_file():
        raise ValueError(f"{file} is missing; {RETRY}")
    if _sha256(file) != manifest["files"][name]:
        raise ValueError(f"{file} is damaged; {RETRY}")
    return file


def _read_group(folder: Path, name: str, manifest: Mapping[str, Any]) -> Tensors:
    tensors = load_file(_verified(folder, f"{name}.safetensors", manifest))
    twins = manifest["aliases"].get(name, {})
    return tensors | {twin: tensors[original] for twin, original in twins.items()}


def _swap(temporary: Path, path: Path) -> None:
    """Put the new directory in the place of the old one; at every instant one of them is whole."""
    aside = _aside(path)
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    temporary.rename(path)
    sync(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")


def _whereabouts(path: Path) -> Path:
    """`path`, or the name under which a crash between the renames of `_swap` left it."""
    return _aside(path) if not path.exists() and _aside(path).exists() else path


def _public_name(name: str) -> str | None:
    if not name.startswith("."):
        return name
    return name[1 : -len(".previous")] if name.endswith(".previous") else None


def _prune(path: Path, kind: str, keep: int) -> None:
    ours = [p for p in checkpoints(path.parent) if read_manifest(p)["kind"] == kind]
    for old in ours[:-keep]:
        if old != path:  # out of sight first: a half-deleted checkpoint must not look like one
            _whereabouts(old).rename(old.with_name(f".{old.name}.tmp-old"))
    _sweep(path.parent, ".*.tmp-*")


def _sweep(folder: Path, pattern: str) -> None:
    for leftover in folder.glob(pattern):
        shutil.rmtree(leftover, ignore_errors=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@functools.cache
def _commit() -> str | None:
    """The commit of the repository one works in, if it is one."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None


def _not_a_checkpoint(path: Path) -> str:
    if not path.exists():
        return f"there is no checkpoint at {path}"
    return f"{path} is no foreworld checkpoint (it has no manifest.json); give the folder that has"
