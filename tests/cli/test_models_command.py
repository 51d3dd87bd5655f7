"""`foreworld models` tells what families are, from themselves and from trying them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foreworld import catalog
from foreworld.cli import inventory
from foreworld.cli.main import main
from foreworld.cli.models import Args, run
from foreworld.run import build

LINEAR = f"{Path(__file__).parents[2] / 'examples' / 'linear_family.py'}:Linear"


def models(capsys, *words):
    assert main(["models", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_family_is_listed_with_its_sizes_and_papers(capsys):
    found = models(capsys)
    assert list(found) == list(catalog.FAMILIES)
    for name, facts in found.items():
        assert facts["says"] and {"(none)", "debug"} <= facts["presets"].keys(), name
        for preset in ("(none)", "debug"):  # others may be for worlds of their own
            assert facts["presets"][preset]["weights"] and facts["presets"][preset]["phases"], name
    presets = found["tssm"]["presets"]
    assert presets["debug"]["weights"]["numbers"] < presets["storm"]["weights"]["numbers"]
    assert "STORM" in found["tssm"]["papers"]["storm"]


@pytest.fixture(scope="module")
def one():
    """What is told of one family."""
    return run(Args("tssm"))


def test_weights_are_those_of_the_model_that_is_built(one):
    specs = {**inventory.SEEN["pictures"], "action": inventory.ACTIONS["continuous"]}
    debug = build("tssm", specs, catalog.beside(catalog.resolve(catalog.FAMILIES, "tssm"),
                                                "PRESETS")["debug"])  # fmt: skip
    counted = sum(p.numel() for p in debug.parameters())
    assert one["presets"]["debug"]["weights"]["pictures"] == counted


def test_what_goes_with_a_family_was_tried(one):
    assert one["heads"] == ["what it sees", "reward", "continue"]
    fits = one["goes_with"]
    assert fits["continuous"].keys() == catalog.LEARNERS.keys() | catalog.PLANNERS.keys()
    assert fits["continuous"]["gradient"] is None
    assert "a choice among classes has no gradient" in fits["discrete"]["gradient"]


def test_results_are_read_from_where_they_were_recorded():
    rssm = catalog.resolve(catalog.FAMILIES, "rssm")
    found = [m.to_json() for m in inventory.measured(rssm)]
    (pendulum,) = (m for m in found if m["world"] == "Pendulum-v1")
    file = json.loads((inventory.MEASURED / "pendulum.json").read_text())
    (evaluation,) = file["scores"].values()
    assert pendulum["value"] == evaluation["scores"]["cem"]["returns"]
    assert pendulum["chance"] == evaluation["scores"]["random"]["returns"]
    assert {m["policy"] for m in found} == {"actor_critic", "cem"}


@pytest.mark.parametrize("family", catalog.FAMILIES)
def test_results_that_are_named_are_there(family):
    model_class = catalog.resolve(catalog.FAMILIES, family)
    for name in catalog.beside(model_class.Config, "RESULTS"):
        assert (inventory.MEASURED / name).is_file(), name


def test_a_family_of_your_own(capsys):
    found = models(capsys, LINEAR)
    assert "actor_critic" in found["goes_with"]["continuous"] and found["presets"]["(none)"]
    assert main(["models", "rsmm"]) == 1
    assert "did you mean 'rssm'?" in capsys.readouterr().err
