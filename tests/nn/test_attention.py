"""Attention heeds its mask, told blocks begin as the identity, patches keep their places."""

from __future__ import annotations

import pytest
import torch

from foreworld.nn.attention import Block, ToldBlock
from foreworld.nn.masks import multi_block, tubes
from foreworld.nn.patches import PatchEncoder, PatchesConfig


def test_a_told_block_begins_as_the_identity():
    x, told = torch.randn(2, 3, 8), torch.randn(2, 3, 4)
    block = ToldBlock(8, 2, 4)
    assert torch.equal(block(x, told), x)
    torch.nn.init.normal_(block.tell.weight)
    assert not torch.allclose(block(x, told), block(x, -told))


def test_what_is_masked_does_not_matter():
    x, block = torch.randn(2, 4, 8), Block(8, 2)
    mask = torch.tensor([False, True, True, True]).expand(2, 1, 1, 4)
    other = x.clone()
    other[:, 0] = 5
    assert torch.allclose(block(x, mask)[:, 1:], block(other, mask)[:, 1:])
    assert not torch.allclose(block(x)[:, 1:], block(other)[:, 1:])


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="8 can't be cut into 3"):
        Block(8, 3)


def test_tokens_lie_where_their_patches_do():
    encoder = PatchEncoder((8, 12, 3), PatchesConfig(size=4, width=16, depth=1, heads=2))
    image = torch.zeros(1, 8, 12, 3)
    before = encoder.tokens(image)
    image[0, 5, 9] = 1  # row 1, column 2 of the grid of 2 x 3
    changed = (encoder.tokens(image) - before).abs().sum(-1)[0] > 0
    assert changed.tolist() == [False] * 5 + [True]
    film = torch.stack([image, image], 1)
    assert encoder.tokens(film).shape == (1, 12, 16)
    assert not torch.allclose(*encoder.tokens(film).chunk(2, 1))  # when counts, too
    assert encoder(before[:, [1, 4]]).shape == (1, 2, 16)


@pytest.mark.parametrize("grid", [(4, 4), (8, 6)])
def test_contexts_show_nothing_of_the_targets(grid):
    torch.manual_seed(0)
    cells = grid[0] * grid[1]
    for _ in range(20):
        masks = multi_block(5, grid, torch.device("cpu"))
        assert masks.targets.shape[:2] == (5, 4) and masks.targets.max() < cells
        for context, targets in zip(masks.context, masks.targets, strict=True):
            assert len(set(context.tolist())) == len(context)
            hidden = set(targets.flatten().tolist())
            assert len(hidden) == cells or not hidden & set(context.tolist())


def test_tubes_hide_the_same_patches_in_all_frames():
    torch.manual_seed(0)
    masks = tubes(3, (4, 4), frames=3, device=torch.device("cpu"))
    for index in (masks.context, masks.targets[:, 0]):
        frames = index.unflatten(1, (3, -1))
        assert torch.equal(frames % 16, frames[:, :1] % 16 + torch.zeros_like(frames))
        assert torch.equal(frames // 16, torch.arange(3).view(1, 3, 1) + torch.zeros_like(frames))
    assert not set(masks.context[0].tolist()) & set(masks.targets[0].flatten().tolist())


@pytest.mark.parametrize("attends", [True, False])
def test_the_newest_alone_say_what_they_say_among_all(attends):
    torch.manual_seed(0)
    block = ToldBlock(8, 2, 4, attends=attends)
    torch.nn.init.normal_(block.tell.weight)
    x, condition = torch.randn(5, 3, 8), torch.randn(5, 3, 4)
    mask = torch.ones(5, 1, 1, 3, dtype=torch.bool)
    mask[0, ..., 0] = False
    everyone, newest = block(x, condition, mask), block(x, condition, mask, newest=2)
    assert newest.shape == (5, 2, 8) and torch.allclose(everyone[:, -2:], newest, atol=1e-5)
