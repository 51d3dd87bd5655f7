"""A folder with which a world is played elsewhere, by programs that know nothing of Foreworld.

    OUT/
      manifest.json         what everything is called, shaped and made of: `describe`
      starts.safetensors    states to begin from, leaves [starts, ...]; the first saw nothing yet
      imagine.onnx          the verbs of `foreworld.serving.graphs`; imagine.pt2 for torch
      predict.onnx
      observe.onnx          not for the web
      index.html, ort/ …    web only: the page, and the runtime that runs the graphs in a tab

It is written as a hidden sibling and renamed: it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from foreworld.disk import whole_folder, write_json
from foreworld.errors import unknown
from foreworld.serving.graphs import Graph, make_graphs, numbers
from foreworld.serving.page import copy_page
from foreworld.serving.targets import TARGETS
from foreworld.vocab import State, WorldModel, map_state

FORMAT, VERSION = "foreworld-world", 1


def write_bundle(
    out: str | Path,
    to: str,
    model: WorldModel,
    starts: State | None,
    about: Mapping[str, Any],
    heads: Sequence[str] | None = None,
    rows: int = 1,
) -> dict[str, Any]:
    """Write a bundle to a folder that must not be there yet; returns its manifest.

    to: one of `TARGETS`. starts: leaves [starts, ...], where to begin besides in the belief before
    anything was seen (None: nowhere). about: what else the manifest says. heads: those that
    `predict` answers with (None: all). rows: of every tensor that goes in. Raises ValueError for a
    folder that exists, and for an unknown target or head.
    """
    if to not in TARGETS:
        raise unknown("target", to, TARGETS)
    target = TARGETS[to]
    said = heads or model.heads
    for head in said:
        if head not in model.heads:
            raise unknown("head", head, model.heads)
    graphs = [g for g in make_graphs(model, rows, said) if g.name in target.graphs]
    states = [model.initial(1), *([] if starts is None else [starts])]
    begin = map_state(lambda *x: torch.cat(x).contiguous(), *states)
    with whole_folder(out) as folder:
        for graph in graphs:
            target.write(graph, folder / f"{graph.name}.{target.suffix}")
        save_file(numbers(begin), folder / "starts.safetensors")
        if target.page:
            copy_page(folder)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            **about,
            "graphs": {g.name: graph_json(g, target.suffix) for g in graphs},
            "starts": len(begin.action),
            "files": {str(f.relative_to(folder)): file_json(f) for f in sorted(files(folder))},
        }
        write_json(folder / "manifest.json", manifest)
    return manifest


def graph_json(graph: Graph, suffix: str) -> dict[str, Any]:
    """A graph's file, and names, dtypes and shapes of what goes in, in order; names of the rest."""
    inputs = {name: tensor_json(x) for name, x in graph.inputs.items()}
    return {
        "file": f"{graph.name}.{suffix}", "inputs": inputs, "outputs": list(graph.outputs)
    }  # fmt: skip


def tensor_json(x: Tensor) -> dict[str, Any]:
    return {"dtype": str(x.dtype).removeprefix("torch."), "shape": list(x.shape)}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def file_json(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
