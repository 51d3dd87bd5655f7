"""Blocks do what their names say."""

from __future__ import annotations

import pytest
import torch

from foreworld.nn.mlp import BlockLinear, mlp, scale_output
from foreworld.nn.recurrent import GruCell
from foreworld.nn.running import running_max
from foreworld.nn.text import TextEncoder, word_ids
from foreworld.nn.vision import ImageDecoder, ImageEncoder, SpatialSoftmax


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def sentence(text, length=40):
    return torch.tensor([list(text.encode().ljust(length, b"\0"))], dtype=torch.uint8)


def test_mlp_widths():
    assert mlp(3, 5, 8, 2)(torch.zeros(4, 3)).shape == (4, 5)
    assert mlp(3, None, 8, 1)(torch.zeros(4, 3)).shape == (4, 8)
    silent = scale_output(mlp(3, 5, 8, 1), 0.0)
    assert not silent(torch.randn(4, 3)).any()


def test_block_linear_is_a_block_diagonal_linear():
    layer = BlockLinear(6, 9, blocks=3)
    torch.nn.init.normal_(layer.bias)
    dense = torch.block_diag(*layer.weight)
    x = torch.randn(4, 6)
    torch.testing.assert_close(layer(x), x @ dense + layer.bias)
    with pytest.raises(ValueError, match=r"6 -> 8 can't be cut into 3 blocks"):
        BlockLinear(6, 8, blocks=3)


@pytest.mark.parametrize("blocks", [1, 4])
def test_gru_remembers_at_birth(blocks):
    cell = GruCell(5, 8, blocks)
    x, state = torch.randn(3, 5), torch.randn(3, 8)
    new = cell(x, state)
    assert new.shape == (3, 8)
    with torch.no_grad():
        cell.norm.weight.zero_()
    # With silent gates the update gate is sigmoid(-1): more than half of the state stays.
    kept = 1 - torch.sigmoid(torch.tensor(-1.0))
    torch.testing.assert_close(cell(x, state), kept * state)
    assert float(kept) > 0.7


def test_blocks_of_a_gru_do_not_mix_but_all_see_the_input():
    cell = GruCell(5, 8, blocks=4)
    cell.norm = torch.nn.Identity()  # normalisation alone joins them
    x, state = torch.randn(1, 5), torch.randn(1, 8)
    moved = state.clone()
    moved[0, 0] += 1
    changed = (cell(x, moved) != cell(x, state))[0]
    assert changed[:2].any() and not changed[2:].any()
    assert (cell(x + 1, state) != cell(x, state)).all()


def test_spatial_softmax_finds_a_bright_spot():
    find = SpatialSoftmax(1, 1, (8, 8))
    with torch.no_grad():
        find.maps.weight.fill_(1.0)
        find.maps.bias.zero_()
    for row, column in ((0, 0), (2, 5), (7, 3)):
        image = torch.zeros(1, 1, 8, 8)
        image[0, 0, row, column] = 10.0
        said_row, said_column, _ = find(image)[0].tolist()
        assert said_row == pytest.approx(2 * row / 7 - 1, abs=0.05)
        assert said_column == pytest.approx(2 * column / 7 - 1, abs=0.05)


@pytest.mark.parametrize("shape", [(16, 16, 3), (64, 64, 3), (32, 48, 1), (8, 8, 6)])
@pytest.mark.parametrize("keypoints", [0, 3])
def test_images_go_in_and_come_out(shape, keypoints):
    encoder = ImageEncoder(shape, width=12, channels=8, keypoints=keypoints)
    decoder = ImageDecoder(12, shape, channels=8)
    code = encoder(torch.randn(2, *shape))
    assert code.shape == (2, 12)
    assert decoder(code).shape == (2, *shape)


@pytest.mark.parametrize("shape", [(20, 16, 3), (16, 16)])
def test_images_that_cannot_be_cut_are_refused(shape):
    with pytest.raises(ValueError, match=r"multiples of 8; resize it .*--image-size"):
        ImageEncoder(shape, 12, 8, 0)


def test_words_ignore_case_and_punctuation():
    ids = word_ids(sentence("push the red cup"), 2048, 8)
    assert torch.equal(ids, word_ids(sentence("  Push, the RED cup!"), 2048, 8))
    assert (ids[0, :4] > 0).all() and not ids[0, 4:].any() and ids.max() < 2048


def test_words_differ():
    words = ["push", "pull", "red", "cup", "box", "ball", "the", "mark", "table", "a", "b"]
    anagrams = ["cpu", "on", "no", "ab", "ba", "12", "21"]
    ids = [int(word_ids(sentence(word), 2048, 4)[0, 0]) for word in words + anagrams]
    assert len(set(ids)) == len(ids)
    same = word_ids(sentence("cup on the cup"), 2048, 4)[0]
    assert same[0] == same[3] and len(set(same.tolist())) == 3


def test_long_sentences_and_none():
    assert word_ids(sentence("a b c d e", 60), 64, 3).shape == (1, 3)
    assert not word_ids(sentence(""), 64, 3).any()


def test_text_encoder_hears_order_and_survives_silence():
    encoder = TextEncoder(6).eval()
    a, b = (encoder(sentence(t)) for t in ("cup next to box", "box next to cup"))
    assert a.shape == (1, 6) and not torch.allclose(a, b)
    assert encoder(sentence("")).isfinite().all()
    assert encoder(sentence("go").unsqueeze(0).expand(2, 3, -1)).shape == (2, 3, 6)


@pytest.mark.parametrize("length", [1, 2, 7, 64, 66])
def test_the_running_maximum_is_cummax(length):
    x = torch.randint(-5, 50, (3, length), generator=torch.Generator().manual_seed(length))
    assert torch.equal(running_max(x), x.cummax(1).values)
