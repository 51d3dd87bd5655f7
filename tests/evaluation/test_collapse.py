"""The collapse panel: what is known shows, what is not does not, and `info` prints it."""

from __future__ import annotations

import json

import pytest
import torch

from foreworld.cli.main import main
from foreworld.evaluation.collapse import collapse_panel, explained, fit_probe
from foreworld.evaluation.tables import collapse_tables
from foreworld.vocab import Diagnosis


def test_probes_explain_what_is_linear():
    x = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    truth = torch.stack([x[:, 0] - 2 * x[:, 3] + 1, x[:, 1].square(), torch.ones(500)], 1)
    r2 = explained(fit_probe(x[:300], truth[:300])(x[300:]), truth[300:])
    assert r2[0] > 0.999 and r2[1] < 0.1 and r2[2].isnan()
    assert explained(fit_probe(0 * x[:300], truth[:300])(0 * x[300:]), truth[300:])[0] < 0.01


def test_a_model_that_knows_the_world(dot_model, episodes):
    panel = collapse_panel(dot_model(), dot_model(), episodes[:8], episodes[8:])
    probe = panel.probes["position"]
    assert probe.known > 0.999 and probe.imagined > 0.999 and probe.fresh > 0.999
    assert probe.copied < 0.9
    assert panel.skill[1] > 0.99 and panel.skill[5] > 0.99
    assert (panel.horizon, panel.windows, panel.episodes) == (5, 32, 4)
    assert not panel.watched and not panel.alarms
    json.dumps(panel.to_json())


def test_a_model_that_has_collapsed(dot_model, episodes):
    class Collapsed(dot_model):
        def features(self, state):
            return 0 * state.position

        def diagnose(self, batch):
            return Diagnosis({"effective_rank": 1.0}, ("effective rank 1",))

    panel = collapse_panel(Collapsed(), dot_model(), episodes[:8], episodes[8:])
    probe = panel.probes["position"]
    assert probe.known < 0.01 and probe.imagined < 0.01 and probe.fresh > 0.999
    assert panel.alarms == ("effective rank 1",)
    (title, _, spread), (_, columns, rows) = collapse_tables(panel)
    assert "4 held-out episodes" in title and ("alarm", "effective rank 1") in spread
    assert len(columns) == len(rows[0]) and rows[0][0] == "position"


def test_a_model_that_heeds_no_action_copies(dot_model, episodes):
    panel = collapse_panel(dot_model(gain=0.0), dot_model(), episodes[:8], episodes[8:])
    probe = panel.probes["position"]
    assert probe.imagined == pytest.approx(probe.copied, abs=1e-6)
    assert panel.skill[5] == pytest.approx(0, abs=1e-6)


def test_info_prints_it(tmp_path, capsys):
    store, run = str(tmp_path / "store"), str(tmp_path / "run")
    small = ["--image-size", "16", "--env", "image_size=16", "--env", "max_steps=12"]
    assert main(["collect", "rooms", *small, "--steps", "300", "--out", store]) == 0
    train = ["train", store, "--run", run, "--family", "jepa", "--preset", "debug", "--steps", "3"]
    assert main([*train, "--threads", "1"]) == 0
    assert "effective_rank" in capsys.readouterr().out
    assert main(["info", run, "--json"]) == 0
    panel = json.loads(capsys.readouterr().out)["collapse"]
    assert {"effective_rank", "collapse_index", "deviation"} == set(panel["watched"])
    assert set(panel["probes"]["facts.dot.x"]) == {"known", "fresh", "imagined", "copied"}
