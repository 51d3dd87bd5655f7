"""Configs survive the way to text and back, and every mistake is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from foreworld.config import diff, from_dict, load, override, save, to_dict


@dataclass(frozen=True)
class Rssm:
    deter: int = 256
    act: Literal["silu", "gelu"] = "silu"
    dropout: float | None = None


@dataclass(frozen=True)
class Config:
    lr: float = 1e-3
    steps: int = 100
    amp: bool = False
    name: str = "run"
    out: Path = Path("runs")
    every: int | None = 10
    sizes: tuple[int, ...] = (64, 32)
    betas: tuple[float, float] = (0.9, 0.999)
    words: tuple[str, ...] = ()
    losses: dict[str, float] = field(default_factory=lambda: {"reward": 1.0})
    rssm: Rssm = Rssm()
    planner: Rssm | None = None
    seed: int | str = 0
    bits: Literal[8, 16] = 16
    any: Any = None

    def __post_init__(self):
        if self.lr <= 0:
            raise ValueError(f"lr={self.lr}; it must be positive")


def test_round_trip_through_json(tmp_path):
    config = Config(sizes=(1, 2, 3), planner=Rssm(act="gelu", dropout=0.1), out=Path("a/b"))
    save(config, tmp_path / "sub" / "config.json")
    assert load(Config, tmp_path / "sub" / "config.json") == config
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "sub" / "config.json").read_text())["sizes"] == [1, 2, 3]


def test_absent_keys_keep_their_defaults():
    assert from_dict(Config, {"rssm": {"deter": 4}}) == Config(rssm=Rssm(deter=4))
    assert type(from_dict(Config, {"lr": 1}).lr) is float


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("lr=3e-4", Config(lr=3e-4)),
        ("lr=1", Config(lr=1.0)),
        ("steps=1e6", Config(steps=1_000_000)),
        ("steps=1_000", Config(steps=1000)),
        ("amp=true", Config(amp=True)),
        ("amp=0", Config(amp=False)),
        ("name=none", Config(name="none")),
        ("name=a=b", Config(name="a=b")),
        ("name=", Config(name="")),
        ("out=x/y", Config(out=Path("x/y"))),
        ("every=none", Config(every=None)),
        ("every=7", Config(every=7)),
        ("sizes=1,2,3", Config(sizes=(1, 2, 3))),
        ("sizes=(8,)", Config(sizes=(8,))),
        ("sizes=[]", Config(sizes=())),
        ("betas=0.5,1", Config(betas=(0.5, 1.0))),
        ("words=a, b", Config(words=("a", "b"))),
        ("losses.reward=2", Config(losses={"reward": 2.0})),
        ("losses.image=0.5", Config(losses={"reward": 1.0, "image": 0.5})),
        ('losses={"image": 3}', Config(losses={"image": 3.0})),
        ("rssm.deter=512", Config(rssm=Rssm(deter=512))),
        ("rssm.act=gelu", Config(rssm=Rssm(act="gelu"))),
        ("rssm.dropout=0.5", Config(rssm=Rssm(dropout=0.5))),
        ('planner={"deter": 3}', Config(planner=Rssm(deter=3))),
        ("seed=5", Config(seed=5)),
        ("seed=five", Config(seed="five")),
        ("bits=8", Config(bits=8)),
        ("any=[1, 2]", Config(any=[1, 2])),
        ("any=word", Config(any="word")),
    ],
)
def test_override_reads_by_annotation(assignment, expected):
    changed = override(Config(), [assignment])
    assert changed == expected
    assert {k: type(v) for k, v in vars(changed).items()} == {
        k: type(v) for k, v in vars(expected).items()
    }


def test_overrides_apply_in_order_and_leave_the_original_alone():
    config = Config()
    assert override(config, ["lr=1", "rssm.deter=1", "lr=2"]) == Config(lr=2.0, rssm=Rssm(deter=1))
    assert config == Config()


@dataclass(frozen=True)
class Shares:
    """Two fields that only fit together."""

    see: float = 0.5
    move: float = 0.5

    def __post_init__(self) -> None:
        if self.see + self.move > 1:
            raise ValueError(f"see={self.see} and move={self.move} are more than all")


@dataclass(frozen=True)
class Shared:
    shares: Shares = field(default_factory=Shares)


def test_whether_values_fit_is_asked_when_all_are_in_place():
    for order in (["shares.see=0.8", "shares.move=0.1"], ["shares.move=0.1", "shares.see=0.8"]):
        assert override(Shared(), order) == Shared(Shares(0.8, 0.1))
    with pytest.raises(ValueError, match="more than all"):
        override(Shared(), ["shares.see=0.8"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("rate=1", r"unknown key 'rate'.*Valid: lr, steps"),
        ("stpes=1", r"unknown key 'stpes'; did you mean 'steps'\?"),
        ("deter=1", r"unknown key 'deter'; did you mean 'rssm.deter'\?"),
        ("rssm.detr=1", r"unknown key 'rssm.detr'; did you mean 'rssm.deter'\?"),
        ("lr", r"cannot read 'lr': write key=value"),
        ("lr=fast", r"lr is 'fast' \(str\); it takes float"),
        ("steps=1.5", r"steps is 1.5 \(float\); it takes int"),
        ("amp=maybe", r"amp is 'maybe' \(str\); it takes bool"),
        ("every=often", r"every is 'often' \(str\); it takes int | None"),
        ("rssm.act=sliu", r"rssm.act is 'sliu'; did you mean 'silu'\? Valid: 'silu', 'gelu'"),
        ("betas=0.9", r"betas is \['0.9'\] \(list\); it takes .*, 2 values"),
        ("sizes=1,x", r"sizes\[1\] is 'x' \(str\); it takes int"),
        ("losses.reward=big", r"losses.reward is 'big' \(str\); it takes float"),
        ("planner.deter=3", r"planner is None and has no key 'deter'; give planner whole, as JSON"),
        ("lr.x=3", r"lr is 0.001 and has no key 'x'"),
        ("lr=-1", r"lr=-1.0; it must be positive"),
    ],
)
def test_override_teaches(assignment, message):
    with pytest.raises(ValueError, match=message):
        override(Config(), [assignment])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"stpes": 1}, r"unknown key 'stpes'; did you mean 'steps'\? Valid: lr, steps"),
        ({"rssm": {"detr": 1}}, r"unknown key 'rssm.detr'; did you mean 'rssm.deter'\?"),
        ({"planner": {"detr": 1}}, r"unknown key 'planner.detr'; did you mean 'planner.deter'\?"),
        ({"steps": True}, r"steps is True \(bool\); it takes int"),
        ({"steps": "1"}, r"steps is '1' \(str\); it takes int"),
        ({"amp": 1}, r"amp is 1 \(int\); it takes bool"),
        ({"rssm": 3}, r"rssm is 3 \(int\); it takes a mapping of Rssm's keys"),
        ({"bits": 9}, r"bits is 9.*Valid: 8, 16"),
        ({"losses": [1]}, r"losses is \[1\] \(list\); it takes dict\[str, float\]"),
    ],
)
def test_from_dict_teaches(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(Config, data)


def test_load_names_the_file(tmp_path):
    (tmp_path / "c.json").write_text('{"stpes": 1}')
    with pytest.raises(ValueError, match=r"c.json: unknown key 'stpes'"):
        load(Config, tmp_path / "c.json")
    (tmp_path / "d.json").write_text("{")
    with pytest.raises(ValueError, match=r"d.json: Expecting"):
        load(Config, tmp_path / "d.json")


def test_diff_says_what_changed():
    changed = override(Config(), ["rssm.deter=1", "losses.image=2", "sizes=3"])
    assert diff(Config(), Config()) == {}
    assert diff(Config(), changed) == {
        "sizes": ([64, 32], [3]),
        "rssm.deter": (256, 1),
        "losses.image": (None, 2.0),
    }


def test_a_failed_save_leaves_the_old_file(tmp_path):
    save(Config(), tmp_path / "c.json")
    with pytest.raises(TypeError):
        save(Config(any=object()), tmp_path / "c.json")
    assert load(Config, tmp_path / "c.json") == Config()
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


def test_to_dict_is_plain():
    assert json.loads(json.dumps(to_dict(Config()))) == to_dict(Config())
