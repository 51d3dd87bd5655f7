"""Mistakes that people make, and the words with which each is answered: what to type instead.

A row of `COMMANDS` is a mistake on the command line, a row of `CALLS` one in Python. {store}, {run}
and the like are places made by the fixture `places`. Commands answer in one line, no traceback.
"""

from __future__ import annotations

import re
import shutil
import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from foreworld import catalog
from foreworld.checkpoint import latest, load_checkpoint
from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.policies import PlannedPolicy, RandomPolicy
from foreworld.run import build, load
from foreworld.streams import GymStream
from foreworld.vocab import Episode, Spec

FEW = "--steps 5 --threads 1"
COMMANDS = [  # (what is wrong, command, exit code, what the answer must say)
    ("unknown command", "tarin tabletop", 2, "did you mean 'train'"),
    ("unknown flag", "collect CartPole-v1 --stepz 5", 2, "did you mean --steps"),
    ("a word for a number", "collect CartPole-v1 --steps many", 2, "foreworld collect --help"),
    ("no world named", "collect --steps 5", 2, "WORLD.* foreworld collect --help"),
    ("unknown world", "collect CartPoll-v1 --out {new}", 1, "nearest: .*CartPole-v1"),
    ("missing extra", "collect ALE/Pong-v5 --out {new}", 1, r"pip install 'foreworld\[atari\]'"),
    ("unknown policy", "collect CartPole-v1 --out {new} --policy randon", 1, "mean 'random'"),
    ("no steps", "collect CartPole-v1 --out {new} --steps 0", 1, "at least 1"),
    ("--env without =", "collect tabletop --env push --out {new}", 1, "write key=value"),
    ("unknown task", "collect tabletop --env task=psuh --out {new}", 1, "did you mean 'push'"),
    ("unknown sentence", "collect tabletop --env {sentence} --out {new}", 1, "Valid sentences: "),
    ("another world's store", "collect Acrobot-v1 --out {store}", 1, "specs|directory of its own"),
    ("a store being written", "collect CartPole-v1 --out {locked}", 1, "close it first"),
    ("a broken store", f"train {{broken}} --run {{new}} {FEW}", 1, "manifest.json"),
    ("an empty store", f"train {{empty}} --run {{new}} {FEW}", 1, "foreworld collect WORLD"),
    ("no such store or world", f"train episodse --run {{new}} {FEW}", 1, "nothing at episodse"),
    ("nothing to learn from", f"train --run {{new}} {FEW}", 1, "Name a store"),
    ("training without an end", "train {store} --run {new}", 1, "--steps 10000 or --budget 5m"),
    ("bad duration", "train {store} --run {new} --budget 5min", 1, "write 90s, 5m or 1h30m"),
    ("unknown family", f"train {{store}} --run {{new}} --family rsm {FEW}", 1, "mean 'rssm'"),
    ("no such file", f"train {{store}} --run {{new}} --family a.py:A {FEW}", 1, "no file .*a.py"),
    ("unknown preset", f"train {{store}} --run {{new}} --preset debgu {FEW}", 1, "mean 'debug'"),
    ("unknown config key", f"train {{store}} --run {{new}} --set detr=5 {FEW}", 1, "mean 'deter'"),
    ("wrong type", f"train {{store}} --run {{new}} --set deter=big {FEW}", 1, "it takes int"),
    ("a run is there", f"train {{store}} --run {{run}} {FEW}", 1, "--resume goes on with it"),
    ("not a run", "evaluate {store}", 1, "make one with: foreworld train"),
    ("no checkpoint yet", "imagine {untrained}", 1, "train it: foreworld train --run"),
    ("unknown planner", "evaluate {run} --policy cme", 1, "did you mean 'cem'"),
    ("no episodes", "evaluate {run} --episodes 0", 1, "at least 1"),
    ("unknown actions", "imagine {seer} --actions randon", 1, "did you mean 'random'"),
    ("too few numbers", "imagine {seer} --actions 1", 1, "takes 2 a step, as in '0,0;0,0'"),
    ("actions out of range", "imagine {seer} --actions 7,0", 1, r"takes numbers from \[-1"),
    ("a path that is not there", "info {new}", 1, "there is nothing at"),
    ("neither run nor store", "info {folder}", 1, "run.json.*manifest.json"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store and a run that are in order, and some that are not."""
    root = tmp_path_factory.mktemp("made")
    for world, store, run in (("CartPole-v1", "store", "run"), ("tabletop", "seen", "seer")):
        data = ["--out", f"{root / store}", "--steps", "400", "--image-size", "16"]
        assert main(["collect", world, *data]) == 0
        small = ["--preset", "debug", "--train", "batch_size=2", "length=8", "--threads", "1"]
        data = [f"{root / store}", "--run", f"{root / run}", "--steps", "2", *small]
        assert main(["train", *data]) == 0
    shutil.copytree(root / "run", root / "untrained")
    shutil.rmtree(root / "untrained" / "checkpoints")
    shutil.copytree(root / "store", root / "broken")
    (root / "broken" / "manifest.json").write_text("{")
    EpisodeStore.create(root / "empty", EpisodeStore.open(root / "store").specs).close()
    shutil.copytree(root / "store", root / "locked")
    with EpisodeStore.open(root / "locked", "a"):
        yield root


@pytest.fixture
def places(made, tmp_path):
    names = ("store", "run", "seer", "untrained", "broken", "empty", "locked")
    return {name: made / name for name in names} | {"new": tmp_path / "new", "folder": tmp_path}


@pytest.mark.parametrize(
    ("command", "code", "answer"),
    [row[1:] for row in COMMANDS],
    ids=[row[0] for row in COMMANDS],
)
def test_commands(places, command, code, answer, capsys, monkeypatch):
    monkeypatch.delenv("FOREWORLD_DEBUG", raising=False)
    monkeypatch.setitem(sys.modules, "ale_py", None)  # as if it were not installed
    words = [w.format(**places, sentence="task=fly to the moon") for w in command.split()]
    assert main(words) == code
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("error: ")]
    assert line == lines[-1] and "Traceback" not in "".join(lines)
    assert re.search(answer, line), line


SPECS = {
    "vector": Spec((2,), "float32", "vector"),
    "action": Spec((), "int64", "discrete", classes=(3,)),
}


def append(tmp_path, **changes):
    """Append a good episode of 4 rows in which some keys were changed."""
    rows = np.arange(4)
    steps = {
        "vector": np.zeros((4, 2), np.float32),
        "action": np.zeros(4, np.int64),
        "reward": np.zeros(4, np.float32),
        "is_first": rows == 0,
        "is_last": rows == 3,
        "is_terminal": rows < 0,
    }
    with EpisodeStore.create(tmp_path / "store", SPECS) as store:
        store.append(Episode({**steps, **changes}))


def empty():
    flags = {flag: np.zeros(0, bool) for flag in ("is_first", "is_last", "is_terminal")}
    numbers = {"vector": np.zeros((0, 2), np.float32), "action": np.zeros(0, np.int64)}
    return {**flags, **numbers, "reward": np.zeros(0, np.float32)}


class Odd(gymnasium.Env):
    """An environment whose observations are graphs."""

    observation_space = gymnasium.spaces.Graph(gymnasium.spaces.Discrete(3), None)
    action_space = gymnasium.spaces.Discrete(2)


def damaged(at):
    """Load a checkpoint in which one byte has changed."""
    copy = at.tmp_path / "copy"
    shutil.copytree(latest(at.run / "checkpoints"), copy)
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    load_checkpoint(copy)


def misnamed(at):
    """A policy is given a step whose observation has another name."""
    policy = PlannedPolicy(load(at.run).model, planner=None, objective=None)
    policy.act(policy.init(1), {"vektor": np.zeros((1, 4)), "is_first": np.ones(1, bool)})


def read_only(at):
    EpisodeStore.open(at.store).append(Episode(empty()))


def other_family(at):
    document = (at.run / "run.json").read_text().replace('"rssm"', '"my.module:Mine"')
    (at.tmp_path / "run.json").write_text(document)
    load(at.tmp_path)


def image(size):
    specs = {"image": Spec((size, size, 3), "uint8", "image"), "action": SPECS["action"]}
    return build("rssm", specs, {})


NAN = np.float32([[0, 0], [0, 0], [0, np.nan], [0, 0]])
CALLS = [  # (what is wrong, call, what the error must say)
    ("NaN", lambda at: append(at.tmp_path, vector=NAN), r"'vector': row 2, component \(1,\): nan"),
    ("shape", lambda at: append(at.tmp_path, vector=NAN[:, :1]), r"\(4, 1\), the specs say \(4, 2"),
    ("dtype", lambda at: append(at.tmp_path, vector=np.zeros((4, 2))), "specs say float32"),
    ("no rows", lambda at: append(at.tmp_path, **empty()), "no rows: the shortest has one"),
    ("unknown key", lambda at: append(at.tmp_path, rewards=NAN), "did you mean 'reward'"),
    ("class", lambda at: append(at.tmp_path, action=np.full(4, 3)), r"outside its classes \(3,\)"),
    ("flag", lambda at: append(at.tmp_path, is_last=np.ones(4, bool)), "row 3 has it set, and no"),
    ("store open for reading", read_only, "mode='a'"),
    ("store is there", lambda at: EpisodeStore.create(at.store, SPECS), "open.*mode='a'"),
    ("image size", lambda at: image(20), "multiples of 8; resize .*--image-size 64"),
    ("head", lambda at: load(at.run).model.predict(load(at.run).model.initial(1), ["rewrad"]),
     "rewrad.*has: .*reward"),
    ("space", lambda at: GymStream(Odd), "Graph.* is not supported; supported: Box, Discrete"),
    ("action shape", lambda at: GymStream("CartPole-v1").step(np.zeros((2, 1))), r"takes \(1,\)"),
    ("no bounds", lambda at: RandomPolicy(Spec((2,), "float32", "vector")), "give both, e.g. Spec"),
    ("kind", lambda at: Spec((2,), "float32", "video"), "valid kinds: image, vector"),
    ("no module", lambda at: catalog.resolve({}, "nowhere.model:M"), "no module 'nowhere'"),
    ("no class", lambda at: catalog.resolve({}, "foreworld.run:Wrold"), "did you mean 'World'"),
    ("names in files", other_family, "if you trust it, say so: --family my.module:Mine"),
    ("observation's name", misnamed, "lacks vector.*is 'vektor' meant to be 'vector'"),
    ("damaged checkpoint", damaged, "is damaged; copy it again"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "answer"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS]
)
def test_calls(places, tmp_path, call, answer):
    with pytest.raises(ValueError) as error:
        call(SimpleNamespace(**places, tmp_path=tmp_path))
    assert re.search(answer, str(error.value)), str(error.value)
