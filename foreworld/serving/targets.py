"""Where graphs can go: files for ONNX runtimes, for a browser's, and for torch's own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from foreworld.errors import require
from foreworld.serving.graphs import Graph

OPSET = 20  # of ONNX; onnxruntime reads it from 1.17 on, in the browser as well


@dataclass(frozen=True)
class Target:
    """suffix: of a graph's file. page: whether what plays it comes with it."""

    suffix: str
    write: Callable[[Graph, Path], None]
    graphs: tuple[str, ...] = ("imagine", "predict", "observe")
    page: bool = False


def write_onnx(graph: Graph, path: Path) -> None:
    """Raises ModuleNotFoundError without the extra `export`."""
    for module in ("onnx", "onnxscript"):
        require(module, "export")
    with quiet():
        program = torch.onnx.export(
            graph.verb,
            tuple(graph.inputs.values()),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(path, external_data=False)


def write_torch(graph: Graph, path: Path) -> None:
    """What `torch.export.load(path).module()` calls with the inputs in their order."""
    with quiet():
        torch.export.save(torch.export.export(graph.verb, tuple(graph.inputs.values())), path)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporters warn of their own insides, and of packages that nobody asked for."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


TARGETS = {
    "web": Target("onnx", write_onnx, ("imagine", "predict"), page=True),  # a page sees no frames
    "onnx": Target("onnx", write_onnx),
    "torch": Target("pt2", write_torch),
}
