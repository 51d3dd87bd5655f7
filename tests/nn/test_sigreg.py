"""SIGReg and the spread of embeddings: absolute values, invariances, and several processes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from foreworld.nn.sigreg import collapse_index, random_directions, sigreg
from foreworld.nn.spread import covariance, covariance_loss, effective_rank, variance_loss


def gaussian(rows, width, seed=0):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rows", [64, 256])
@pytest.mark.parametrize("width", [2, 32])
def test_gaussian_embeddings_score_one(rows, width):
    torch.manual_seed(0)
    scores = [sigreg(gaussian(rows, width, seed), 256) for seed in range(20)]
    assert 0.85 < float(torch.stack(scores).mean()) < 1.15


def test_collapsed_embeddings_score_0402_a_row():
    for rows in (64, 256):
        score = sigreg(torch.zeros(rows, 8), 64)
        assert float(score) / rows == pytest.approx(0.402, abs=0.01)
        assert float(collapse_index(score, rows)) == pytest.approx(1, abs=0.03)
    assert float(collapse_index(sigreg(gaussian(256, 8), 256), 256)) < 0.02


def test_the_integral_is_epps_and_pulley_s():
    """One direction and few rows, against the double sum that the integral has in closed form."""
    x = gaussian(7, 1)
    gaps = x - x.T
    # On all of R; beyond 3 deviations the window leaves little.
    root = math.sqrt(2 * math.pi)
    closed = root * (
        torch.exp(-gaps.square() / 2).sum() / 7
        - 2 * torch.exp(-x.square() / 4).sum() / math.sqrt(2)
        + 7 / math.sqrt(3)
    )
    assert float(sigreg(x, 1, torch.ones(1, 1))) == pytest.approx(float(closed), abs=0.03)


def test_rows_may_be_permuted_and_embeddings_turned():
    x, directions = gaussian(64, 4), random_directions(4, 32, torch.zeros(1))
    turn = torch.linalg.qr(gaussian(4, 4, seed=1)).Q
    score = sigreg(x, 32, directions)
    assert torch.allclose(sigreg(x.flip(0), 32, directions), score, rtol=1e-4)
    assert torch.allclose(sigreg(x @ turn, 32, turn.T @ directions), score, rtol=1e-4)


def test_it_keeps_instants_apart():
    x = torch.stack([gaussian(64, 4), torch.zeros(64, 4)])
    scores = sigreg(x, 64)
    assert scores.shape == (2,) and scores[0] < 3 < 20 < scores[1]


def test_descending_it_makes_embeddings_gaussian():
    torch.manual_seed(0)
    x = (0.1 * gaussian(128, 4) + 1).requires_grad_()
    optimiser = torch.optim.Adam([x], 0.05)
    for _ in range(150):
        sigreg(x, 32).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert x.mean().abs() < 0.2 and 0.8 < x.std(0).mean() < 1.2


def test_effective_rank_counts_dimensions():
    x = gaussian(2000, 6)
    assert 5.9 < float(effective_rank(x)) <= 6
    assert float(effective_rank(x * torch.tensor([1, 1, 0, 0, 0, 0]))) == pytest.approx(2, abs=0.02)
    assert float(effective_rank(torch.ones(100, 6) + 1e-6 * x[:100])) == 1


def test_variance_and_covariance():
    x = gaussian(4000, 3)
    assert float(variance_loss(covariance(x))) < 0.03
    assert float(variance_loss(covariance(0.5 * x))) == pytest.approx(0.5, abs=0.03)
    assert float(covariance_loss(covariance(x))) < 0.01
    copied = x[:, :1].expand(-1, 3)
    assert float(covariance_loss(covariance(copied))) == pytest.approx(2, abs=0.2)


def test_two_processes_are_one_with_the_joined_batch(tmp_path):
    """Values, and gradients once they are averaged as DDP does."""
    worker = Path(__file__).with_name("sigreg_process.py")
    command = [sys.executable, str(worker), str(tmp_path)]
    running = [subprocess.Popen([*command, str(rank)]) for rank in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    alone = subprocess.run([*command, "alone"], timeout=120)
    assert alone.returncode == 0
    single = load_file(tmp_path / "alone.safetensors")
    pair = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(2)]
    for name in ("sigreg", "variance", "covariance"):
        for one in pair:
            assert torch.allclose(one[name], single[name], rtol=1e-5, atol=1e-6), name
    mean = (pair[0]["gradient"] + pair[1]["gradient"]) / 2
    assert single["gradient"].abs().max() > 0.1
    assert torch.allclose(mean, single["gradient"], rtol=1e-4, atol=1e-5)
