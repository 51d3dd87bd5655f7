"""A step with the ring is what one pass over everything gives, however often it went round."""

from __future__ import annotations

import pytest
import torch

from foreworld.nn.sliding import SlidingTransformer

WINDOW = 5


def built(depth=3, window=WINDOW):
    torch.manual_seed(0)
    model = SlidingTransformer(8, depth, 2, window)
    torch.nn.init.normal_(model.by_age, std=2.0)
    return model.requires_grad_(False)


def whole(model, x, seen=None):
    """One pass over all tokens, from scratch."""
    every = torch.arange(1, x.shape[1] + 1).expand(x.shape[:2])
    return model.scan(x, every if seen is None else seen, None)[0]


def test_steps_are_one_pass_after_many_rounds():
    model, x = built(), torch.randn(2, 4 * WINDOW + 3, 8)
    ring, made = model.empty(2), []
    for t in range(x.shape[1]):
        hidden, ring = model.step(x[:, t], ring)
        made.append(hidden)
    torch.testing.assert_close(torch.stack(made, 1), whole(model, x), rtol=1e-5, atol=1e-5)
    assert ring.cursor.tolist() == [x.shape[1] % WINDOW] * 2 and ring.seen.tolist() == [WINDOW] * 2


def test_the_mask_is_the_definition():
    """One layer: each token attends to itself and the four before, weighed by match and age."""
    model, x = built(depth=1), torch.randn(1, 9, 8)
    block, t = model.blocks[0], 7
    query, kept = block.attention.ask(block.norms[0](x))
    key, value = kept.unflatten(-1, (2, 2, 4))[0].unbind(1)  # [T, heads, 4]
    query = query.unflatten(-1, (2, 4))[0, t]
    lately = range(t - WINDOW + 1, t + 1)
    logits = [(query * key[s]).sum(-1) / 2 + model.by_age[:, t - s] for s in lately]
    weights = torch.stack(logits).softmax(0)
    seen = (weights.unsqueeze(-1) * value[t - WINDOW + 1 : t + 1]).sum(0).flatten()
    y = x[0, t] + block.attention.out(seen)
    y = model.norm(y + block.mlp(block.norms[1](y)))
    torch.testing.assert_close(whole(model, x)[0, t], y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_it_reaches_back_once_a_layer_and_no_further(depth):
    model, far = built(depth), depth * (WINDOW - 1)
    x = torch.randn(1, far + 4, 8).requires_grad_()
    whole(model, x)[0, -1, 0].backward()
    touched = x.grad.abs().sum(-1)[0] > 0
    assert touched.tolist() == [False] * 3 + [True] * (far + 1)


def test_the_last_window_alone_is_another_function():
    model, x = built(depth=2), torch.randn(1, 3 * WINDOW, 8)
    alone = whole(model, x[:, -WINDOW:])[:, -1]
    assert not torch.allclose(alone, whole(model, x)[:, -1], atol=1e-3)
    reached = whole(model, x[:, -2 * (WINDOW - 1) - 1 :])[:, -1]
    torch.testing.assert_close(reached, whole(model, x)[:, -1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cut", [1, 4, 5, 13])
def test_a_scan_goes_on_from_any_ring(cut):
    model, x = built(), torch.randn(2, 17, 8)
    ring = model.empty(2)
    for t in range(cut):
        _, ring = model.step(x[:, t], ring)
    seen = torch.arange(cut + 1, 18).expand(2, -1)
    later, kept = model.scan(x[:, cut:], seen, ring)
    torch.testing.assert_close(later, whole(model, x)[:, cut:], rtol=1e-5, atol=1e-5)
    ring = model.rings(kept, seen, 1)
    after = torch.randn(2, 8)
    ring = type(ring)(tuple(x[:, 0] for x in ring.layers), ring.cursor[:, 0], ring.seen[:, 0])
    expected = whole(model, torch.cat([x, after[:, None]], 1))[:, -1]
    torch.testing.assert_close(model.step(after, ring)[0], expected, rtol=1e-5, atol=1e-5)


def test_rows_forget_by_themselves():
    model, x = built(), torch.randn(2, 9, 8)
    seen = torch.stack([torch.arange(1, 10), torch.tensor([1, 2, 3, 4, 0, 1, 2, 3, 4])])
    hidden, kept = model.scan(x, seen, None)
    torch.testing.assert_close(hidden[0], whole(model, x)[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(hidden[1, 5:], whole(model, x[:, 5:])[1], rtol=1e-5, atol=1e-5)
    rings = model.rings(kept, seen, 2)
    assert rings.seen.tolist() == [[5, 5], [3, 4]]


def test_a_step_leaves_the_ring_it_was_given():
    model, x = built(), torch.randn(3, 8)
    ring = model.empty(3)
    kept = [layer.clone() for layer in ring.layers]
    first, _ = model.step(x, ring)
    assert all(map(torch.equal, kept, ring.layers))
    assert torch.equal(first, model.step(x, ring)[0])


def test_gradients_pass_through_steps():
    model, x = built().requires_grad_(True), torch.randn(2, 7, 8).requires_grad_()
    ring, hidden = model.empty(2), x[:, 0]
    for t in range(7):
        hidden, ring = model.step(x[:, t], ring)
    hidden[:, 0].sum().backward()
    assert (x.grad.abs().sum(-1) > 0).all() and model.by_age.grad.abs().sum() > 0
