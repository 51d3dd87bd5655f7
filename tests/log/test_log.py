"""Scalars arrive at every sink; the JSONL file survives crashes."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console

from foreworld import log
from foreworld.log import ConsoleSink, Logger, make_logger, progress, read_jsonl


def records(path):
    return [{k: v for k, v in r.items() if k != "time"} for r in read_jsonl(path)]


def test_jsonl_holds_numbers_of_any_kind(tmp_path):
    with make_logger(["jsonl"], tmp_path / "run") as logger:
        logger.scalars(1, {"a": 1, "b": np.float32(0.5), "c": torch.tensor(2.0)})
        logger.scalars(2, {"a": float("nan"), "b": float("inf")})
    found = records(tmp_path / "run" / "metrics.jsonl")
    assert found == [{"step": 1, "a": 1.0, "b": 0.5, "c": 2.0}, {"step": 2, "a": None, "b": None}]


def test_lines_are_there_before_the_process_ends(tmp_path):
    code = """
import os, sys
from foreworld.log import make_logger
logger = make_logger(["jsonl"], sys.argv[1])
logger.scalars(1, {"a": 1})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert records(tmp_path / "metrics.jsonl") == [{"step": 1, "a": 1.0}]


def test_a_torn_last_line_is_left_out_and_then_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_jsonl(path) == [{"step": 1}]
    with make_logger(["jsonl"], tmp_path) as logger:
        logger.scalars(3, {"a": 1})
    assert records(path) == [{"step": 1}, {"step": 3, "a": 1.0}]


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"step": 1}\nxxx\n{"step": 3}\n')
    with pytest.raises(ValueError, match="line 2 is not JSON"):
        read_jsonl(tmp_path / "m.jsonl")


def test_resuming_drops_what_came_after_the_checkpoint(tmp_path):
    with make_logger(["jsonl"], tmp_path) as logger:
        for step in range(1, 6):
            logger.scalars(step, {"a": step})
    with make_logger(["jsonl"], tmp_path, after=3) as logger:
        logger.scalars(4, {"a": 40})
    assert [r["a"] for r in read_jsonl(tmp_path / "metrics.jsonl")] == [1, 2, 3, 40]


def test_what_is_not_a_number_is_named():
    with pytest.raises(ValueError, match=r"scalar 'x' is a Tensor of shape \(3,\)"):
        Logger([]).scalars(1, {"x": torch.zeros(3)})


def test_unknown_sinks_are_named(tmp_path):
    with pytest.raises(ValueError, match="unknown log sink 'jsonn'; did you mean 'jsonl'"):
        make_logger(["jsonn"], tmp_path)


def test_a_missing_extra_names_the_pip_command(monkeypatch):
    monkeypatch.setitem(log.SINKS, "wandb", lambda *args: log.require("no_such_tracker", "wandb"))
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'foreworld[wandb]'")):
        make_logger(["wandb"], "run")


def test_the_console_is_throttled_and_says_the_last_word(capsys):
    console = Console(file=sys.stdout, width=40)
    sink = ConsoleSink(every_s=1000, console=console)
    for step in range(1, 1001):
        sink.write(step, {"loss/image": 0.123456, "return": step})
    sink.close()
    assert capsys.readouterr().out.splitlines() == [
        "step        1  loss/image 0.1235  return 1",
        "step    1,000  loss/image 0.1235  return 1000",
    ]


class Tracker:
    """Stands in for wandb, trackio and mlflow, and remembers what it was told."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_trackers_are_told(tmp_path, monkeypatch, name):
    tracker = Tracker()
    monkeypatch.setattr(log, "require", lambda module, extra: tracker if module == name else None)
    with make_logger([name], tmp_path / "cup", config={"lr": 1}) as logger:
        logger.scalars(5, {"loss": 0.5})
    assert tracker.calls == [
        ("init", (), {"project": "foreworld", "name": "cup", "config": {"lr": 1}}),
        ("log", ({"loss": 0.5},), {"step": 5}),
        ("finish", (), {}),
    ]


def test_mlflow_is_told(tmp_path, monkeypatch):
    tracker = Tracker()
    monkeypatch.setattr(log, "require", lambda module, extra: tracker)
    with make_logger(["mlflow"], tmp_path / "cup", config={"lr": 1}) as logger:
        logger.scalars(5, {"loss": 0.5})
    assert [c[0] for c in tracker.calls] == [
        "set_experiment",
        "start_run",
        "log_params",
        "log_metrics",
        "end_run",
    ]


def test_tensorboard_is_told(tmp_path, monkeypatch):
    writer = Tracker()
    module = SimpleNamespace(SummaryWriter=lambda *args, **kwargs: writer)
    monkeypatch.setattr(log, "require", lambda name, extra: module)
    with make_logger(["tensorboard"], tmp_path) as logger:
        logger.scalars(5, {"loss": 0.5})
    assert writer.calls == [("add_scalar", ("loss", 0.5, 5), {}), ("close", (), {})]


def speak(monkeypatch, terminal):
    console = Console(stderr=True, force_terminal=terminal, width=100)
    monkeypatch.setattr(log, "CONSOLE", console)


def test_progress_without_a_terminal_is_a_plain_line_now_and_then(monkeypatch, capsys):
    speak(monkeypatch, terminal=False)
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(log.time, "monotonic", lambda: next(clock))
    with progress("collect", total=20) as advance:
        for _ in range(20):
            advance(note="return 3.5")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert 3 < len(lines) < 20
    assert re.fullmatch(r"collect: \d+/20, \d+ s, \d+ s left  return 3.5", lines[0])
    assert lines[-1].startswith("collect: 20/20")


def test_what_was_done_before_tells_nothing_of_the_time_left(monkeypatch, capsys):
    speak(monkeypatch, terminal=False)
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(log.time, "monotonic", lambda: next(clock))
    with progress("training", total=1000, begun=900) as advance:
        for _ in range(10):
            advance()
    seen = re.findall(r"training: (\d+)/1000, (\d+) s, (\d+) s left", capsys.readouterr().err)
    done, elapsed, left = map(int, seen[0])
    assert left == round(elapsed / (done - 900) * (1000 - done)) > 100


def test_short_work_passes_in_silence(monkeypatch, capsys):
    speak(monkeypatch, terminal=False)
    with progress("collect", total=2) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    speak(monkeypatch, terminal=True)
    with progress("train", total=3) as advance:
        advance(3, note="loss 0.1")
    err = capsys.readouterr().err
    assert "train" in err and "3/3" in err and "loss 0.1" in err


def test_records_are_strict_json(tmp_path):
    with make_logger(["jsonl"], tmp_path) as logger:
        logger.scalars(1, {"a": float("nan")})
    line = (tmp_path / "metrics.jsonl").read_text()
    json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
