"""Verdicts, the report's bytes, and two reports compared, on readings made by hand."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
import torch

from foreworld.evaluation import trust
from foreworld.evaluation.comparison import compare_reports
from foreworld.evaluation.intervals import Interval
from foreworld.evaluation.metric import Metric, Reading
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.trust_page import write_page
from foreworld.evaluation.trust_report import (
    cost_report,
    read_trust,
    scope_in_words,
    trust_report,
    write_trust,
)
from foreworld.evaluation.uses import USES, judge_uses
from foreworld.evaluation.worst import foretell_all
from foreworld.run import World

PROTOCOL = Protocol(context=3, horizon=6, per_episode=2)


def reading(name, low, high, perfect=1.0, blind=0.0, curve=()):
    metric = Metric(name, f"what {name} says", "", perfect, blind, 0.1)
    return Reading(metric, Interval((low + high) / 2, low, high, 12), curve=curve)


def needed(use, low, high, **changed):
    readings = [reading(n, *changed.get(n, (low, high))) for n in USES[use].needs]
    return {"accuracy": readings}


def verdict(use, readings):
    return next(v for v in judge_uses(readings) if v.use == use)


@pytest.mark.parametrize(
    ("low", "high", "light"),
    [(0.85, 0.95, "green"), (0.7, 0.9, "amber"), (0.3, 0.45, "red"), (0.4, 0.6, "amber")],
)
def test_a_light_is_as_sure_as_the_interval(low, high, light):
    assert verdict("planning", needed("planning", low, high)).light == light


def test_the_worst_metric_binds():
    name = USES["planning"].needs[1]
    found = verdict("planning", needed("planning", 0.9, 1.0, **{name: (0.1, 0.2)}))
    assert (found.light, found.binding) == ("red", name)
    assert "perfect 1, blind 0" in found.why


def test_what_was_not_measured_is_no_pass():
    readings = needed("planning", 0.9, 1.0)
    last = readings["accuracy"][-1]
    readings["accuracy"][-1] = Reading(last.metric, reason="there is no world")
    found = verdict("planning", readings)
    assert found.light == "amber" and found.missing == (last.metric.name,)
    assert last.metric.name in found.why
    assert verdict("planning", {}).light == "grey"


def test_an_unsound_protocol_voids_everything():
    readings = needed("planning", 0.9, 1.0)
    readings["audit"] = [reading("audit.overlap", 0.4, 0.6, perfect=0.0, blind=1.0)]
    assert {v.light for v in judge_uses(readings)} == {"red"}
    assert "unsound" in verdict("planning", readings).why


def test_the_horizon_ends_where_a_curve_falls():
    readings = needed("planning", 0.9, 1.0)
    metric = readings["accuracy"][0].metric
    falls = tuple(Interval(v, v, v, 12) for v in (1.0, 0.8, 0.6, 0.3, 0.9))
    readings["accuracy"][0] = Reading(metric, Interval(0.9, 0.85, 1.0, 12), curve=falls)
    assert verdict("planning", readings).horizon == 3


@pytest.fixture
def subject(dot_model, episodes):
    return Subject(
        dot_model(), episodes[:10], protocol=PROTOCOL, world=World("Dot-v0", {"max_steps": 20})
    )


def examined(subject):
    readings = trust.examine(subject, ["accuracy"])
    return readings, foretell_all(subject)


def test_reports_are_the_same_bytes_twice(subject, tmp_path):
    for name in ("a", "b"):
        readings, foretold = examined(subject)
        report = trust_report(subject, readings, foretold)
        write_trust(tmp_path / name, report, cost_report(readings))
    first, second = ((tmp_path / n / "report.json").read_bytes() for n in ("a", "b"))
    assert first == second
    report = read_trust(tmp_path / "a")
    assert {"schema", "hashes", "verdicts", "groups", "episodes", "protocol"} <= set(report)
    one = report["groups"]["accuracy"][0]
    assert {"perfect", "blind", "tolerance", "direction"} <= set(one["metric"])
    assert one["value"]["n"] == 10
    json.dumps(report, allow_nan=False)
    assert "date" not in json.dumps(report)
    assert "provenance" in json.loads((tmp_path / "a" / "cost.json").read_text())


def test_hashes_follow_model_data_and_protocol(subject, dot_model, episodes):
    def hashes(**changes):
        return trust_report(SimpleNamespace(**{**vars(subject), **changes}), {}, None)["hashes"]

    same = hashes()
    assert hashes(model=dot_model(0.5))["model"] != same["model"]
    assert hashes(held_out=episodes[:9])["data"] != same["data"]
    assert hashes(protocol=Protocol())["protocol"] != same["protocol"]
    assert hashes() == same


def test_scope_says_what_was_seen(subject):
    scope = trust_report(subject, {}, None)["scope"]
    assert "Dot-v0 (max_steps=20)" in scope_in_words(scope) and "10 held-out" in scope_in_words(
        scope
    )


@pytest.mark.parametrize(
    ("text", "says"), [("{}", "schema None"), ("{", "not JSON"), (None, "no trust report")]
)
def test_bad_reports_are_named(tmp_path, text, says):
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=says):
        read_trust(file)


def test_the_page_stands_alone(subject, tmp_path):
    readings, foretold = examined(subject)
    report, cost = trust_report(subject, readings, foretold), cost_report(readings)
    write_page(tmp_path / "page.html", "Dot", subject, readings, foretold, report, cost)
    html = (tmp_path / "page.html").read_text()
    assert html.index("What it can be used for") < html.index("Over the horizon")
    assert html.count('class="card ') == len(USES)
    assert html.count("squared error") >= 10, "one strip for each of the ten worst episodes"
    assert "accuracy.images" in html
    assert not re.search(r'<(link|img|script)[^>]*(src|href)="http', html), "it needs nothing else"


def reports(subject, *models):
    made = []
    for model in models:
        its = SimpleNamespace(**{**vars(subject), "model": model})
        made.append(json.loads(json.dumps(trust_report(its, *examined(its)))))
    return made


def test_a_damaged_model_is_worse_and_its_twin_is_not(subject, dot_model):
    torch.manual_seed(0)
    whole, twin, damaged = reports(subject, dot_model(), dot_model(), dot_model(0.9))
    assert compare_reports(whole, twin).worse == []
    found = compare_reports(whole, damaged)
    assert any("skill of position fell" in line for line in found.worse)
    assert any(f"episode {name}" in found.worse[0] for name in whole["episodes"]["position"])
    assert compare_reports(damaged, whole).worse == [], "better is not worse"


def test_only_the_same_episodes_are_compared(subject, dot_model, episodes):
    (a,) = reports(subject, dot_model())
    other = SimpleNamespace(**{**vars(subject), "held_out": episodes[2:]})
    (b,) = reports(other, dot_model())
    with pytest.raises(ValueError, match="differ in data"):
        compare_reports(a, b)


def test_models_that_foretell_nothing_but_rewards_get_a_page(subject, tmp_path):
    subject.model.heads = ("reward",)  # as MuZero's
    readings = trust.examine(subject, ["accuracy", "interventions", "long_dreams"])
    skill = {r.metric.name: r.value for r in readings["accuracy"]}["accuracy.reward"]
    assert skill is not None and skill.value > 0.99
    foretold = foretell_all(subject)
    report, cost = trust_report(subject, readings, foretold), cost_report(readings)
    write_page(tmp_path / "page.html", "Dot", subject, readings, foretold, report, cost)
    assert "The worst episodes" in (tmp_path / "page.html").read_text()
