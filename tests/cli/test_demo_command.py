"""`foreworld demo` does everything within its time; here with a model too small to learn much."""

import json
import time
from dataclasses import replace

import pytest

from foreworld.cli import demo
from foreworld.cli.main import main

TINY = replace(
    demo.RECIPE,
    preset=("debug",),
    loop=("batch_size=2", "length=8"),
    steps=3000,
    collect_share=0.3,
    show_s=(6.0, 120.0),
    reserve_s=1.0,
    starts=3,
    futures=4,
    episodes=4,
    candidates=8,
    elites=2,
    iterations=1,
)


def test_five_minutes_are_planned():
    times = demo.schedule(300.0, started=1000.0 + time.monotonic())
    begin = times.end - 300
    assert times.collect - begin <= demo.RECIPE.collect_most_s
    assert times.train - times.collect > 0.55 * 300
    assert 60 <= times.end - times.train <= 100
    assert times.show < times.end


def test_small_budgets_still_show_something_and_large_ones_train():
    started = time.monotonic() + 1000
    short, long = demo.schedule(60.0, started), demo.schedule(1800.0, started)
    assert short.end - short.train == 30 and short.train > short.collect
    assert long.end - long.train == 120
    with pytest.raises(ValueError, match="too little"):
        demo.schedule(10.0, started)


def test_the_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo, "RECIPE", TINY)
    monkeypatch.setattr(demo, "FLOOR_S", 1.0)
    monkeypatch.setattr(demo, "STARTED_S", time.monotonic())
    run = tmp_path / "demo"
    words = ["demo", "--run", str(run), "--budget", "20s", "--threads", "1"]
    assert main(words) == 0
    assert time.monotonic() - demo.STARTED_S < 40  # 20 on a machine of its own
    said = [line for line in capsys.readouterr().out.splitlines() if line]
    assert 10 <= len(said) <= 12  # two more where the clock ran out
    assert any("Collected" in line for line in said) and any(
        "Trained slots" in line for line in said
    )
    assert sum("held-out starts" in line and "random" in line for line in said) == 2
    assert "plotly" in (run / "report.html").read_text()
    assert {"pushes.png", "pushes.gif", "future_1.png"} <= {f.name for f in run.glob("pictures/*")}
    result = json.loads((run / "demo.json").read_text())
    scores = result["control"]["Move to the named mark"]
    assert list(scores) == ["cem", "random", "expert"] and scores["cem"]["episodes"] == 4
    (run / "mine.txt").write_text("x")
    monkeypatch.setattr(demo, "_collected", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(words)
    assert not (run / "mine.txt").exists(), "an earlier demo is replaced"


def test_other_directories_are_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("x")
    assert main(["demo", "--run", str(tmp_path), "--threads", "1", "--budget", "90m"]) == 1
    assert "holds something else than a demo" in capsys.readouterr().err
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.tex"]
