"""`foreworld data`: from a log to a store, to a page, to another format and back, to a model."""

import json

import pytest

from foreworld.cli.main import main
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.subject import NO_ACTIONS
from foreworld.vocab import Spec
from tests.data import stores

SPECS = {key: stores.SPECS[key] for key in ("front", "arm/joints", "instruction", "action")}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A dataset in a foreign format: HDF5, as robomimic has it."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("log")
    stores.make(folder / "store", SPECS, lengths=(40, 25, 30, 35))
    words = [str(folder / "store"), "--to", "hdf5", "--out", str(folder / "hdf5"), "--fps", "10"]
    assert main(["data", "export", *words]) == 0
    return folder


def said(capsys, *words):
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_there_and_back(log, tmp_path, capsys):
    report = said(capsys, "data", "import", log / "hdf5", "--out", tmp_path / "back")
    assert report["episodes"] == 4 and report["rows"] == 130 and not report["dropped"]
    stores.assert_same(EpisodeStore.open(log / "store"), EpisodeStore.open(tmp_path / "back"))


def test_inspect_writes_a_mapping_that_import_takes(log, tmp_path, capsys):
    file = tmp_path / "map.json"
    found = said(capsys, "data", "inspect", log / "hdf5", "--write", file)
    assert found["format"] == "hdf5" and found["recordings"] == 4
    assert found["specs"]["front"]["shape"] == [40, 48, 3]
    mapping = json.loads(file.read_text())
    mapping["keys"]["front"]["image_size"] = 16
    del mapping["keys"]["arm/joints"]
    file.write_text(json.dumps(mapping))
    words = (log / "hdf5", "--out", tmp_path / "small", "--mapping", file)
    said(capsys, "data", "import", *words, "--set", "fps=5", "keys.action.low=-3", "ending=keep")
    store = EpisodeStore.open(tmp_path / "small")
    assert set(store.specs) == {"front", "instruction", "action"}
    assert store.specs["front"].shape == (16, 16, 3) and store.specs["action"].low == -3.0
    assert store.lengths.tolist() == [20, 13, 15, 18]


def test_merge_split_and_stats(log, tmp_path, capsys):
    both, store = tmp_path / "both", log / "store"
    changed = said(capsys, "data", "merge", store, store, "--out", both)
    assert changed["episodes"] == 8
    sides = said(capsys, "data", "split", both, "--out", tmp_path / "parts", "--test", "0.25")
    assert len(sides["test"]) == 2 and len(sides["train"]) == 6
    found = said(capsys, "data", "stats", tmp_path / "parts" / "train")
    assert found["episodes"] == 6 and set(found["keys"]) >= {"front", "arm/joints", "reward"}
    assert found["texts"] == {"instruction": 1}


@pytest.mark.parametrize("which", ["store", "hdf5"])
def test_preview_is_one_page_with_everything(log, tmp_path, capsys, which):
    page = tmp_path / "page.html"
    said(capsys, "data", "preview", log / which, "--out", page, "--episodes", "2")
    html = page.read_text()
    assert html.count("<img") == 2 and html.count('class="plot"') >= 6
    for text in ("Episode 0", "push the café", "joints [rad]", "Missing values", "lengths"):
        assert text in html


def test_train_straight_from_a_log(log, tmp_path, capsys):
    run = tmp_path / "run"
    quick = ["--preset", "debug", "--steps", "2", "--threads", "1"]
    assert main(["train", str(log / "hdf5"), "--run", str(run), *quick]) == 0
    stores.assert_same(EpisodeStore.open(log / "store"), EpisodeStore.open(run / "episodes"))
    document = json.loads((run / "run.json").read_text())
    assert document["world"] is None and document["episodes"] is None
    assert main(["train", "--run", str(run), "--resume", "--steps", "3", "--threads", "1"]) == 0
    assert main(["evaluate", str(run)]) == 1
    assert f"foreworld trust {run} examines it" in capsys.readouterr().err


def test_a_refused_training_leaves_no_run(log, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", str(log / "hdf5"), "--run", str(run), "--steps", "2"]
    assert main([*words, "--set", "no.such=1"]) == 1
    (tmp_path / "map.json").write_text('{"keys": {"state": {"columns": ["nowhere"]}}}')
    assert main([*words, "--mapping", str(tmp_path / "map.json")]) == 1
    assert "unknown column 'nowhere'" in capsys.readouterr().err
    assert not run.exists() or not any(run.iterdir())
    assert main(["train", str(log / "store"), "--run", str(run), "--mapping", "x.json"]) == 1
    assert "is a store of episodes already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "nowhere", "--out", "x"], "there is nothing at nowhere"),
        (
            ["import", ".", "--out", "x"],
            "is in no format known here, which are foreworld",
        ),
        (["import", ".", "--out", "x", "--format", "lerobott"], "did you mean 'lerobot'"),
        (["export", "STORE", "--to", "parquet", "--out", "x", "--fps", "1"], "Valid: lerobot"),
        (["export", "STORE", "--to", "hdf5", "--out", "x"], "say --fps 10"),
        (["merge", "STORE", "--out", "x"], "two stores or more"),
        (["preview", "STORE", "--episodes", "0"], "at least 1"),
    ],
)
def test_mistakes_say_what_to_type(log, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    words = [str(log / "store") if word == "STORE" else word for word in words]
    assert main(["data", *words]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["imprt", "x"], []])
def test_verbs_below_the_verb_are_named(capsys, words):
    assert main(["data", *words]) == 2
    said = capsys.readouterr().err
    assert "Valid: import, export" in said and ("did you mean 'import'" in said) == bool(words)


def test_a_film_without_actions_is_trusted_as_far_as_it_goes(tmp_path):
    from foreworld.cli import train, trust

    specs = {"video": SPECS["front"], "action": Spec((0,), "float32", "vector")}
    stores.make(tmp_path / "film", specs, lengths=(30,) * 8).close()
    how = {"preset": ("debug",), "steps": 2, "threads": 1}
    train.run(train.Args(tmp_path / "run", str(tmp_path / "film"), **how))
    words = {"fast": True, "threads": 1, "groups": ("audit", "controllability")}
    report = trust.run(trust.Args(str(tmp_path / "run"), **words))
    assert NO_ACTIONS in json.dumps(report, default=str)
    assert (tmp_path / "run" / "trust" / "report.html").is_file()
