"""`foreworld compare`: the same data for all, nothing done twice, one table and one page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from foreworld.cli import train
from foreworld.cli.compare import Args, _data, _entry
from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.side_by_side import side_by_side
from foreworld.run import load

pytest.importorskip("gymnasium.envs.classic_control.cartpole")
LINEAR = f"{Path(__file__).parents[2] / 'examples' / 'linear_family.py'}:Linear"
QUICK = ["--steps", "3", "--train", "batch_size=2", "length=8", "--threads", "1"]
QUICK += ["--episodes", "2", "--horizon", "2", "--candidates", "4", "--iterations", "1"]


def compare(data, run, *models, extra=()):
    words = ["compare", str(data), "--models", *models, "--run", str(run), *QUICK, *extra]
    return main([*words, "--json"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("compare") / "run"
    assert compare("CartPole-v1", run, "rssm:debug", LINEAR, extra=["--prefill", "900"]) == 0
    return run


def document(folder):
    return json.loads((folder / "compare.json").read_text())


def test_all_learned_from_one_store_and_met_the_same_starts(folder):
    models = document(folder)["models"]
    assert list(models) == ["rssm:debug", LINEAR]
    first, second = models.values()
    assert first["training"]["updates"] == second["training"]["updates"] == 3
    assert first["acting"]["protocol"]["first_seed"] == second["acting"]["protocol"]["first_seed"]
    assert first["dreaming"]["hashes"]["data"] == second["dreaming"]["hashes"]["data"]
    stores = {str(load(folder / "rssm_debug").store_path), str(folder / "episodes")}
    assert len(stores) == 1


def test_returns_stand_beside_trust_horizons(folder):
    found = document(folder)
    columns, rows = side_by_side(found)
    assert [row[0] for row in rows] == ["rssm:debug", LINEAR, "random", "noop"]
    scores = found["models"]["rssm:debug"]["acting"]["scores"]
    told = rows[0][columns.index("return")]
    assert list(scores)[0] == "cem"
    assert told == Interval.from_json(scores["cem"]["returns"]).brief
    (reading,) = (
        r
        for r in found["models"]["rssm:debug"]["dreaming"]["groups"]["accuracy"]
        if r["metric"]["name"] == "accuracy.horizon"
    )
    assert f"{reading['details']['steps']} [" in rows[0][columns.index("trust horizon")]


def test_the_page_needs_nothing_else(folder):
    page = (folder / "compare.html").read_text()
    assert "2 models of CartPole-v1" in page and "rssm:debug" in page
    assert 'src="http' not in page and 'class="plot"' in page


def test_what_is_done_is_not_done_again(folder, monkeypatch, capsys):
    trained = []
    learn = train.run
    monkeypatch.setattr(train, "run", lambda args: (trained.append(args.family), learn(args))[1])
    before = document(folder)["models"]
    names = ["rssm:debug", LINEAR, "tssm:debug"]
    assert compare("CartPole-v1", folder, *names, extra=["--prefill", "900"]) == 0
    assert trained == ["tssm"]
    after = document(folder)["models"]
    assert list(after) == names and {n: after[n] for n in before} == before
    shown = json.loads(capsys.readouterr().out)
    assert list(shown["models"]) == names


def test_a_training_that_was_cut_short_goes_on(folder, tmp_path, monkeypatch):
    learn, run = train.run, tmp_path / "run"

    def cut(args):
        learn(replace(args, steps=1))
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "run", cut)
    assert compare(folder / "episodes", run, "tssm:debug", "rssm:debug") == 130
    monkeypatch.setattr(train, "run", learn)
    assert not (run / "compare.json").exists() and load(run / "tssm_debug").step == 1
    assert compare(folder / "episodes", run, "tssm:debug", "rssm:debug") == 0
    assert document(run)["models"]["tssm:debug"]["training"]["updates"] == 3


def test_another_comparison_is_refused(folder, capsys):
    assert compare("CartPole-v1", folder, "rssm:debug", LINEAR, extra=["--prefill", "99"]) == 1
    said = capsys.readouterr().err
    assert "prefill 99, not 900" in said and "--run" in said


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (["rssm"], "two models or more"),
        (["rssm", "rsmm"], "did you mean 'rssm'?"),
        (["rssm:debgu", "tssm"], "did you mean 'debug'?"),
    ],
)
def test_mistakes_are_found_before_anything_is_made(models, says, tmp_path, capsys):
    assert compare("CartPole-v1", tmp_path / "run", *models) == 1
    assert says in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_models_are_read_as_family_and_presets():
    entry = _entry("rssm:control+classes")
    assert (entry.family, entry.presets) == ("rssm", ("control", "classes"))
    assert entry.folder == "rssm_control_classes"
    assert (_entry(LINEAR).family, _entry(LINEAR).presets) == (LINEAR, ())


def test_explorers_are_examined_on_what_none_has_met(folder, tmp_path):
    args = Args("CartPole-v1", ("rssm", "jepa"), tmp_path, online=True, prefill=900)
    data, exam = _data(args)
    assert data == "CartPole-v1" and exam is not None
    with EpisodeStore.open(exam) as met, EpisodeStore.open(folder / "episodes") as all_learn_from:
        starts = {tuple(episode["vector"][0]) for episode in all_learn_from}
        assert not starts & {tuple(episode["vector"][0]) for episode in met}
    with pytest.raises(ValueError, match="name the world instead"):
        _data(replace(args, data=str(exam)))
