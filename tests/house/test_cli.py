"""The command line answers mistakes in one line, and `--json` with nothing but JSON."""

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from foreworld.cli import main as cli
from foreworld.cli.main import VERBS, main
from foreworld.streams.registry import PACKAGES


@dataclass(frozen=True)
class Args:
    steps: int = 3  # how many steps
    kind: str = "good"  # what to return


def run(args):
    print("for people")
    if args.kind == "bad":
        raise ValueError("no such kind;\n  valid: good")
    if args.kind == "stop":
        raise KeyboardInterrupt
    return {"steps": args.steps, "score": float("nan"), "list": (1.5, float("inf"))}


@pytest.fixture(autouse=True)
def verb(monkeypatch):
    module = SimpleNamespace(Args=Args, run=run, __doc__="Does it.\n\n    foreworld do --steps 5\n")
    monkeypatch.setitem(VERBS, "do", ("the_do_module", "do it"))
    monkeypatch.setitem(sys.modules, "the_do_module", module)
    monkeypatch.delenv("FOREWORLD_DEBUG", raising=False)


def test_the_overview_names_every_verb(capsys):
    assert main([]) == main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(verb in out and about in out for verb, (_, about) in VERBS.items())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["infoo"],
            2,
            "error: unknown command 'infoo'; did you mean 'info'? See: foreworld --help",
        ),
        (
            ["do", "--stepz", "3"],
            2,
            "error: unrecognized options: --stepz, 3; did you mean --steps?"
            " See: foreworld do --help",
        ),
        (
            ["do", "--steps", "x"],
            2,
            "error: error parsing --steps: invalid literal for int() with base 10: 'x'."
            " See: foreworld do --help",
        ),
        (["do", "--kind", "bad"], 1, "error: no such kind; valid: good"),
        (["do", "--kind", "stop"], 130, "error: interrupted"),
    ],
)
def test_mistakes_are_one_line(capsys, words, code, message):
    assert main(words) == code
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_mistakes_are_one_line_on_any_terminal(encoding):
    command = [sys.executable, "-m", "foreworld.cli.main", "info", "--pth", "x"]
    answer = subprocess.run(
        command, capture_output=True, text=True, env={"PYTHONIOENCODING": encoding}
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ") and answer.stderr.count("\n") == 1
    assert "--" in answer.stderr and "│" not in answer.stderr and "---" not in answer.stderr


def test_json_is_all_that_stdout_gets(capsys):
    assert main(["do", "--steps", "5", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"steps": 5, "score": None, "list": [1.5, None]}
    assert err == "for people\n"
    assert main(["do"]) == 0
    assert capsys.readouterr() == ("for people\n", "")


def test_debugging_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("FOREWORLD_DEBUG", "1")
    with pytest.raises(ValueError):
        main(["do", "--kind", "bad"])


def test_help_shows_examples_and_comments(capsys):
    assert main(["do", "--help"]) == 0
    out = capsys.readouterr().out
    assert "    foreworld do --steps 5\n" in out
    assert "how many steps" in out and "--json" in out


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "do"])
def test_every_verb_helps_without_torch(verb):
    code = (
        "import sys; from foreworld.cli.main import main;"
        f"code = main([{verb!r}, '--help']); print(); print(code, 'torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "0 False", answer.stderr


def test_broken_pipes_are_quiet():
    command = f"{sys.executable} -m foreworld.cli.main worlds | head -c 1"
    answer = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert answer.stderr == ""


def test_worlds(capsys):
    pytest.importorskip("gymnasium")
    assert main(["worlds", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed["worlds"]) == {
        "board", "bounce", "cartpole_pixels", "gallery", "rooms", "tabletop"
    }  # fmt: skip
    extras = {kind["extra"] for kind in listed["kinds"].values()} - {None}
    ours = {"classic", "minigrid", "mujoco", "dmc", "atari", "pusht", "boards", "box2d", "doom"}
    assert extras == ours
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert extras <= project["optional-dependencies"].keys()
    for kind in listed["kinds"].values():  # where an id says by itself what it needs, they agree
        brought = [e for prefix, (_, e) in PACKAGES.items() if kind["example"].startswith(prefix)]
        assert brought in ([], [kind["extra"]])
    assert main(["worlds", "rooms", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tasks"] == ["cross", "any"] and "door_y" in found["factors"]
    assert found["specs"]["goal"]["goal_of"] == "image"
    assert main(["worlds", "tabletop"]) == 0
    assert "push" in capsys.readouterr().out
    assert main(["worlds", "CartPole-v1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["specs"]["action"]["classes"] == [2]
    assert main(["worlds", "CartPoll-v1"]) == 1
    assert "CartPole-v1" in capsys.readouterr().err


def test_info_on_something_else(capsys, tmp_path):
    assert main(["info", str(tmp_path)]) == 1
    assert main(["info", str(tmp_path / "none")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "is no run (run.json)" in first
    assert second.startswith("error: there is nothing at")


def test_cli_imports_nothing_that_is_not_there():
    assert cli.overview().startswith("usage: foreworld")
