"""Many networks at once are the networks one by one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from foreworld.nn.ensemble import EnsembleMlp, sparse_dropout
from foreworld.nn.following import follow
from foreworld.nn.mlp import mish


def made(dropout=0.0):
    torch.manual_seed(0)
    net = EnsembleMlp(3, 5, 4, hidden=8, layers=2, dropout=dropout)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    return net


def alone(net, k, x):
    """Member k by torch's own layers."""
    for i in range(2):
        x = F.linear(x, net.weights[i][k].T, net.biases[i][k, 0])
        x = F.mish(F.layer_norm(x, (8,), net.gains[i][k, 0], net.shifts[i][k, 0]))
    return F.linear(x, net.weights[2][k].T, net.biases[2][k, 0])


def test_members_are_networks_of_their_own():
    net, x = made(), torch.randn(7, 5)
    expected = torch.stack([alone(net, k, x) for k in range(3)])
    torch.testing.assert_close(net(x), expected)
    torch.testing.assert_close(net(x, torch.tensor([2, 0])), expected[[2, 0]])


def test_standing_still_passes_gradients_to_the_input_alone():
    net, x = made(), torch.randn(7, 5, requires_grad=True)
    net(x, torch.tensor([1]), still=True).sum().backward()
    assert x.grad is not None and x.grad.any()
    assert all(p.grad is None for p in net.parameters())


def test_it_is_silent_at_birth_and_members_differ():
    net = EnsembleMlp(3, 5, 4, hidden=8, layers=2, dropout=0.0)
    assert not net(torch.randn(7, 5)).any()
    assert not torch.equal(net.weights[0][0], net.weights[0][1])


def test_dropout_is_for_training():
    net, x = made(0.5), torch.randn(7, 5)
    assert torch.equal(net.eval()(x), made()(x))
    assert not torch.equal(net.train()(x), made()(x))


def test_sparse_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    x = sparse_dropout(torch.ones(200, 500), 0.01)
    share = (x == 0).float().mean()
    assert 0.0095 < share <= 0.01  # places drawn twice drop once
    assert x.max() == pytest.approx(1 / 0.99)


def test_mish_is_torch_s_and_so_is_its_gradient():
    x = torch.linspace(-40, 40, 801, dtype=torch.float64, requires_grad=True)
    [mine] = torch.autograd.grad(mish(x).sum(), x)
    [theirs] = torch.autograd.grad(F.mish(x).sum(), x)
    torch.testing.assert_close(mish(x), F.mish(x))
    torch.testing.assert_close(mine, theirs)
    large = torch.tensor([-3e38, -100.0, 60.0, 3e38])
    torch.testing.assert_close(mish(large), F.mish(large))


def test_what_follows_moves_by_its_rate():
    slow, fast = made(), made()
    with torch.no_grad():
        fast.weights[0] += 1.0
    follow(slow, fast, 0.25)
    torch.testing.assert_close(slow.weights[0], fast.weights[0] - 0.75)
