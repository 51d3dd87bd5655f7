"""Every family, by its name, does what a world model must: see `checks.py`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from checks import CHECKS
from subject import Subject, assert_same, observed, told
from torch import Tensor

from foreworld.serving.graphs import Graph, make_graphs
from foreworld.serving.targets import TARGETS


@pytest.mark.parametrize("check", CHECKS)
def test_family(subject: Subject, check: str):
    CHECKS[check](subject)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler (c++)")
def test_family_compiles(subject: Subject):
    """The inner cells (or, without cells, `imagine`) compile, and say the same."""
    torch.compiler.reset()
    if subject.discrete:
        pytest.skip("compiled with continuous actions already")
    model = subject.fresh()
    model.load_state_dict(subject.model.state_dict())
    model.eval().requires_grad_(False)
    cells = model.cells()
    for cell in cells:
        cell.compile()
    imagine = model.imagine if cells else torch.compile(model.imagine)
    batch = subject.windows(4, 4, seed=0)
    action = batch["action"][:, -1]
    plain = subject.model.imagine(observed(subject.model, batch), action)
    compiled = imagine(observed(model, batch), action)
    assert_same(told(model, compiled), told(subject.model, plain), "compiled or not")


@pytest.mark.slow
def test_family_exports(subject: Subject):
    """All verbs become ONNX graphs that say what they say, for 64 steps in a row."""
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if subject.discrete:
        pytest.skip("exported with continuous actions already")
    graphs = {graph.name: graph for graph in make_graphs(subject.model)}
    with TemporaryDirectory() as folder:
        for name, graph in graphs.items():
            TARGETS["onnx"].write(graph, Path(folder) / name)
        carried = {name: ort.InferenceSession(str(Path(folder) / name)) for name in graphs}
    batch, noise = subject.windows(1, 65, seed=0), subject.model.noise(1, 65, seed=1)
    feeds = dict(graphs["observe"].inputs)
    feeds |= {k: v[:, 0] for k, v in batch.items() if k in feeds}
    ours, theirs = (said(graphs["observe"], feeds, run) for run in (None, carried["observe"]))
    for t in range(64):
        step = {"action": batch["action"][:, t], "noise": noise[:, t]}
        step = {k: x for k, x in step.items() if k in graphs["imagine"].inputs}
        ours, theirs = (
            said(graphs["imagine"], state(after) | step, run)
            for after, run in ((ours, None), (theirs, carried["imagine"]))
        )
        told_ours, told_theirs = (
            said(graphs["predict"], state(after), run)
            for after, run in ((ours, None), (theirs, carried["predict"]))
        )
        for head, mean in told_ours.items():
            apart = (mean.double() - told_theirs[head].double()).abs().max()
            size = mean.abs().max().clamp(min=1)
            assert apart <= 1e-4 * size, f"{head} is {apart:.2g} apart after {t + 1} steps"


def state(after: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("next.", "state.", 1): x for name, x in after.items()}


def said(graph: Graph, feeds: Mapping[str, Tensor], session: Any = None) -> dict[str, Tensor]:
    """What a graph says, in torch or in an ONNX session."""
    if session is None:
        return dict(zip(graph.outputs, graph.verb(*feeds.values()), strict=True))
    told = session.run(None, {k: np.ascontiguousarray(x.numpy()) for k, x in feeds.items()})
    return {k: torch.from_numpy(x) for k, x in zip(graph.outputs, told, strict=True)}
