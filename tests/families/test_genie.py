"""Codes and the actions they stand for: what is read, what never is, what the diagnosis says."""

from dataclasses import replace

import pytest
import torch

from foreworld.config import from_dict
from foreworld.families.genie import PRESETS, Genie, GenieConfig
from foreworld.families.genie_codes import Codebook, Naming, labelled
from foreworld.families.genie_diagnosis import accuracy, alarms, classes, diagnose_codes, nmi
from foreworld.families.genie_finder import Steps
from foreworld.families.scales import Scales
from foreworld.vocab import RECORDED, Spec

SEEN = {"image": Spec((16, 16, 3), "uint8", "image"), "place": Spec((2,), "float32", "vector")}
MOVES = Spec((), "int64", "discrete", classes=(3,))
PUSHES = Spec((2,), "float32", "vector", low=-1.0, high=1.0)
NOTHING = Spec((0,), "float32", "vector")


def make(action=NOTHING, **changes):
    torch.manual_seed(0)
    config = replace(from_dict(GenieConfig, PRESETS["debug"]), **{"labels": 0.0, **changes})
    return Genie({**SEEN, "action": action}, config)


def batch(action=NOTHING, rows=3, length=6, seam=None):
    rng = torch.Generator().manual_seed(1)
    first = torch.zeros(rows, length, dtype=torch.bool)
    first[:, 0] = True
    if seam is not None:
        first[:, seam] = True
    if action.classes:
        done = torch.randint(3, (rows, length), generator=rng)
    else:
        done = torch.randn(rows, length, *action.shape, generator=rng).clamp(-1, 1)
    return {
        "image": torch.randint(256, (rows, length, 16, 16, 3), generator=rng).to(torch.uint8),
        "place": torch.randn(rows, length, 2, generator=rng),
        "action": done,
        "reward": torch.randn(rows, length, generator=rng),
        "is_first": first,
        "is_last": torch.zeros_like(first),
        "is_terminal": torch.zeros_like(first),
    }


def without_actions(rows):
    return {k: v for k, v in rows.items() if k != "action"}


# -- which actions ---------------------------------------------------------------------------------


def test_a_video_becomes_an_ordinary_world_with_as_many_actions_as_codes():
    model = make(codes=6)
    assert model.specs["action"] == Spec((), "int64", "discrete", classes=(6,))
    again = Genie(model.specs, model.config)  # as a run is opened: from what it wrote down
    assert again.specs == model.specs


def test_with_labels_the_actions_are_the_world_s():
    assert make(PUSHES, labels=0.1).specs["action"] == PUSHES
    with pytest.raises(ValueError, match="labels=0.1, but no actions were recorded: set labels=0"):
        make(NOTHING, labels=0.1)


def test_codes_are_read_off_the_row_that_follows():
    model, rows = make().eval(), batch(seam=3)
    own = model.own(rows)
    assert own["action"].shape == (3, 6) and own[RECORDED] is rows["action"]
    assert not own["action"][:, [2, 5]].any(), "nothing follows before a seam, or at the end"
    later = {**rows, "image": rows["image"].clone(), "place": rows["place"].clone()}
    later["image"][:, 5], later["place"][:, 5] = 0, 9.0
    assert torch.equal(model.own(later)["action"][:, :4], own["action"][:, :4])
    noted = {**rows, "action": batch(MOVES)["action"]}
    assert torch.equal(model.own(noted)["action"], own["action"]), "recorded ones are not read"


def test_what_is_read_while_observing_is_what_is_read_off_the_batch():
    model, rows = make().eval(), batch(seam=3)
    with torch.no_grad():
        told = model.observe(model.initial(3), model.own(rows))
        for given in (rows, without_actions(rows)):
            read = model.observe(model.initial(3), given)
            assert torch.allclose(model.features(read), model.features(told), atol=1e-5)
        state = model.initial(3)
        for t in range(6):
            one = {k: v[:, t : t + 1] for k, v in without_actions(rows).items()}
            state = model.observe(state, one)
        assert torch.allclose(model.features(state), model.features(told), atol=1e-5)


def test_given_codes_are_taken_at_their_word():
    model, rows = make().eval(), model_batch()
    with torch.no_grad():
        a = model.features(model.observe(model.initial(3), rows))
        other = {**rows, "action": (rows["action"] + 1) % 8}
        assert not torch.allclose(model.features(model.observe(model.initial(3), other)), a)


def model_batch():
    return {
        **batch(),
        "action": torch.randint(8, (3, 6), generator=torch.Generator().manual_seed(2)),
    }


# -- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [MOVES, PUSHES])
def test_only_labelled_rows_are_ever_read(spec):
    model, rows = make(spec, labels=0.5), batch(spec)
    known = labelled(rows, model.finder.keys, 0.5)
    assert 0 < known.sum() < known.numel()

    def losses(action):
        torch.manual_seed(3)
        model.eval()
        out = [phase.loss({**rows, "action": action}).losses for phase in model.phases()]
        return torch.cat([x.flatten() for each in out for x in each.values()])

    other = (rows["action"] + 1) % 3 if spec.classes else -rows["action"]
    where = known.view(*known.shape, *[1] * len(spec.shape))
    usual = losses(rows["action"])
    assert torch.equal(losses(torch.where(where, rows["action"], other)), usual)
    assert not torch.equal(losses(torch.where(where, other, rows["action"])), usual)


def test_without_labels_no_action_is_ever_read():
    model, rows = make(), batch(MOVES)
    for phase in model.phases():
        model.eval()
        found = []
        for action in (rows["action"], (rows["action"] + 1) % 3):
            torch.manual_seed(3)
            found.append(phase.loss({**rows, "action": action}).losses)
        assert all(torch.equal(found[0][k], found[1][k]) for k in found[0])


def test_the_same_rows_are_labelled_wherever_they_are_drawn():
    many = batch(rows=64, length=32)
    known = labelled(many, ["image", "place"], 0.1)
    assert known.float().mean() == pytest.approx(0.1, abs=0.03)
    turned = {k: v.flip(0)[:, 5:9] for k, v in many.items()}
    assert torch.equal(labelled(turned, ["image", "place"], 0.1), known.flip(0)[:, 5:9])
    assert labelled(many, ["image"], 1.0).all()


def test_few_classes_are_codes_and_other_actions_get_vectors():
    book = Codebook(8, 4, 20)
    names = Naming(MOVES, book, 16)
    said = book.unit[torch.tensor([0, 1, 2])].detach()
    assert torch.equal(names(torch.tensor([0, 1, 2]), book), book.unit[:3])
    right, wrong = (names.missed(said, torch.tensor(a), book) for a in ([0, 1, 2], [1, 2, 0]))
    assert (right < wrong).all()
    pushes = Naming(PUSHES, book, 16)(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), book)
    assert torch.allclose(pushes.norm(dim=-1), torch.ones(2))


# -- codes -----------------------------------------------------------------------------------------


def test_a_forgotten_code_begins_anew_where_something_is_said():
    torch.manual_seed(0)
    book = Codebook(4, 3, patience=2)
    said = book.unit[:1].detach().expand(5, -1) + torch.tensor([0.0, 0.0, 1e-3])
    said = torch.nn.functional.normalize(said, dim=-1)
    before = book.unit.detach().clone()
    book.eval()
    for _ in range(4):
        book.renew(said)
    assert torch.equal(book.unit, before), "nothing changes while nothing is learned"
    book.train()
    for _ in range(2):
        book.renew(said)
    assert torch.equal(book.unit, before), "patience is two updates"
    book.renew(said)
    assert torch.equal(book.unit[0], before[0])
    assert torch.allclose(book.unit[1:], said[:3], atol=1e-6)


def test_gradients_reach_what_was_said_through_the_codes():
    book, said = Codebook(4, 3, 20), torch.randn(5, 3, requires_grad=True)
    chosen = book.chosen(said)
    assert torch.allclose(chosen, book.unit[book(said)], atol=1e-6)
    (chosen * torch.arange(3.0)).sum().backward()
    assert said.grad is not None and torch.equal(said.grad, torch.arange(3.0).expand(5, 3))


# -- diagnosis -------------------------------------------------------------------------------------


def test_information_and_accuracy():
    rng = torch.Generator().manual_seed(0)
    done = torch.randint(5, (2000,), generator=rng)
    renamed = torch.tensor([3, 0, 4, 1, 2])[done]
    assert nmi(renamed, done) == pytest.approx(1.0) and accuracy(renamed, done) == 1.0
    chance = torch.randint(8, (2000,), generator=rng)
    assert nmi(chance, done) < 0.02 and accuracy(chance, done) < 0.3
    assert nmi(torch.zeros_like(done), done) == 0.0
    half = torch.where(torch.arange(2000) < 1000, done, chance)
    assert 0.1 < nmi(half, done) < 0.6


def test_many_pushes_are_classes_by_direction():
    pushes = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) / 100
    pushes[:5] = torch.tensor([[1.0, 0.2], [-1.0, 0.3], [0.1, 0.9], [0.4, -0.8], [0.01, 0.0]])
    found = classes(pushes)
    assert len(set(found[:5].tolist())) == 5 and (found[5:] == found[4]).all()


def diagnosed(known_squares, recorded=None):
    """A picture of two squares that jump on their own; codes are told of the first, or of both."""
    rng = torch.Generator().manual_seed(0)
    jumps = torch.randint(2, (200, 2), generator=rng)
    codes = jumps[:, 0] if known_squares == 1 else 2 * jumps[:, 0] + jumps[:, 1]

    def drawn(jumps):
        picture = torch.zeros(len(jumps), 16, 16, 3)
        picture[:, 0:4, 0:4] = jumps[:, :1, None, None].float()
        picture[:, 8:12, 8:12] = jumps[:, 1:, None, None].float()
        return picture

    def tell(before, vector):
        code = vector[:, 0].round().long()
        if known_squares == 2:
            return {"image": drawn(torch.stack([code // 2, code % 2], 1))}
        half = drawn(torch.stack([code, torch.zeros_like(code)], 1))
        half[:, 8:12, 8:12] = 0.5
        return {"image": half}

    after = {"image": drawn(jumps)}
    before = {"image": torch.zeros(200, 1, 16, 16, 3)}
    steps = Steps(torch.arange(200), torch.ones(200).long(), before, after)
    unit = torch.arange(2.0**known_squares).unsqueeze(1)
    return diagnose_codes(codes, unit, tell, steps, Scales({"image": SEEN["image"]}), recorded)


def test_what_moves_besides_is_noticed_without_any_label():
    values, said = diagnosed(known_squares=1)
    assert values["elsewhere"] > 0.4 and values["delta_psnr"] > 1
    clean, nothing = diagnosed(known_squares=2)
    assert clean["elsewhere"] < 0.01 and not nothing and "nmi" not in clean
    assert "something else moves by itself" in alarms({**values, "elsewhere": 0.8})[0]


def test_recorded_actions_decide():
    done = torch.randint(5, (200, 2), generator=torch.Generator().manual_seed(5))
    values, said = diagnosed(known_squares=1, recorded=done)
    assert values["nmi"] < 0.1 and "codes are not the recorded actions" in said[0]
    assert "--set labels=0.025" in said[0]
    _, none = diagnosed(known_squares=1, recorded=torch.zeros(200, 2, 0))
    assert not any("recorded" in x for x in none)


def test_codes_that_decide_nothing_are_an_alarm():
    found = alarms({"delta_psnr": 0.01, "elsewhere": 0.0, "nmi": 0.9})
    assert len(found) == 1 and "codes decide nothing" in found[0]


def test_a_model_of_single_frames_says_nothing():
    assert make().diagnose(batch(length=1)).values == {}
