"""Every family, by its name, does what a world model must: see `checks.py`."""

from __future__ import annotations

import shutil

import pytest
import torch
from checks import CHECKS
from subject import Subject, assert_same, observed, told


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
