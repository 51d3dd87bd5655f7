"""`foreworld imagine` writes films of futures, and says when there is nothing to film."""

import json

import pytest
from PIL import Image

from foreworld.cli.main import main


def made(path, world, *words):
    """A run of a few updates on a world."""
    run, store = path / "run", path / "episodes"
    assert main(["collect", world, "--out", str(store), "--steps", "600", *words]) == 0
    small = ["--preset", "debug", "--steps", "3", "--threads", "1"]
    assert main(["train", str(store), "--run", str(run), *small]) == 0
    return run


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return made(tmp_path_factory.mktemp("seen"), "tabletop", "--num-envs", "4")


def imagine(run, *words):
    return main(["imagine", str(run), "--episodes", "2", "--horizon", "4", *words])


def test_recorded_futures_are_filmed_and_measured(seen, tmp_path, capsys):
    capsys.readouterr()
    assert imagine(seen, "--out", str(tmp_path), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert {f"future_{n}.{s}" for n in (1, 2) for s in ("png", "gif")} | {"imagined.html"} == {
        f.name for f in tmp_path.iterdir()
    }
    assert said["imagination"]["episodes"] > 0
    with Image.open(tmp_path / "future_1.gif") as film:
        assert film.n_frames >= 4


def test_other_futures_are_filmed_only(seen, tmp_path, capsys):
    for actions in ("random", "0.5,0"):
        capsys.readouterr()
        assert imagine(seen, "--actions", actions, "--out", str(tmp_path), "--json") == 0
        assert json.loads(capsys.readouterr().out)["imagination"] is None


def test_a_model_without_pictures_has_no_films(tmp_path, capsys):
    run = made(tmp_path, "CartPole-v1")
    assert imagine(run, "--actions", "random") == 1
    assert "predicts no image; --actions recorded" in capsys.readouterr().err
    assert imagine(run) == 0 and (run / "imagined" / "imagined.html").exists()
