"""A bundle is a folder that is there whole or not at all, and says itself what it holds."""

import hashlib
import json
import re

import pytest
import torch
from safetensors.torch import load_file

from foreworld.serving import bundle
from foreworld.serving.bundle import write_bundle
from foreworld.serving.page import copy_page
from foreworld.vocab import map_state

ABOUT = {"title": "drift", "fps": 24}


@pytest.fixture(scope="module")
def written(drift, tmp_path_factory):
    out = tmp_path_factory.mktemp("home") / "drift"
    starts = drift.imagine(drift.initial(2), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    return out, starts, write_bundle(out, "torch", drift, starts, ABOUT)


def test_the_manifest_says_what_is_there(drift, written):
    (out, _, manifest), drift_heads = written, drift.heads
    assert json.loads((out / "manifest.json").read_text()) == json.loads(json.dumps(manifest))
    files = {str(f.relative_to(out)) for f in out.rglob("*") if f.is_file()}
    assert files == {*manifest["files"], "manifest.json"}
    for name, said in manifest["files"].items():
        data = (out / name).read_bytes()
        assert said == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert manifest["title"] == "drift" and manifest["starts"] == 3
    assert manifest["graphs"]["predict"]["outputs"] == list(drift_heads)


def test_starts_begin_with_the_first_belief(drift, written):
    out, starts, _ = written
    found = load_file(out / "starts.safetensors")
    assert set(found) == {"place", "past.place", "past.count", "action"}
    assert torch.equal(found["place"], torch.cat([drift.initial(1).place, starts.place]))
    assert found["past.count"].tolist() == [0, 1, 1]


def test_torch_programs_say_the_same_to_the_bit(drift, written):
    out, starts, manifest = written
    state = map_state(lambda x: x[:1], starts)
    graph = manifest["graphs"]["imagine"]
    program = torch.export.load(out / graph["file"]).module()
    feeds = [state.place, state.past.place, state.past.count, state.action]
    action, noise = torch.tensor([[0.5, -1.0]]), drift.noise(1, 1, seed=0)[:, 0]
    after = drift.imagine(state, action, noise)
    said = dict(zip(graph["outputs"], program(*feeds, action, noise), strict=True))
    assert torch.equal(said["next.place"], after.place)
    assert torch.equal(said["next.past.count"], after.past.count)


def test_what_is_there_is_left_alone(drift, tmp_path):
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(ValueError, match="exists already"):
        write_bundle(tmp_path, "torch", drift, None, ABOUT)
    assert (tmp_path / "mine").read_text() == "keep"


def test_a_bundle_that_fails_leaves_nothing(drift, tmp_path, monkeypatch):
    def fail(path, data):
        raise OSError("disk full")

    monkeypatch.setattr(bundle, "write_json", fail)
    with pytest.raises(OSError):
        write_bundle(tmp_path / "out", "torch", drift, None, ABOUT, ["reward"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("to", "heads", "message"),
    [("wasm", None, "unknown target 'wasm'"), ("torch", ["imag"], "did you mean 'image'")],
)
def test_mistakes_are_named(drift, tmp_path, to, heads, message):
    with pytest.raises(ValueError, match=message):
        write_bundle(tmp_path / "out", to, drift, None, ABOUT, heads)
    assert not list(tmp_path.iterdir())


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    """Every address in it is a file of the folder: no server, no network."""
    copy_page(tmp_path)
    ours = [f for f in tmp_path.iterdir() if f.suffix in (".js", ".html", ".css")]
    links = re.compile(r"""(?:from|src=|href=|import\()\s*["']([\w./-]+)["']""")
    found = {(f.name, link) for f in ours for link in links.findall(f.read_text())}
    assert ("tab.js", "./world.js") in found and ("index.html", "tab.js") in found
    assert not [pair for pair in found if not (tmp_path / pair[1]).is_file()]
    assert "/static/" not in "".join(f.read_text() for f in ours)
    licence = (tmp_path / "ort" / "LICENSE.txt").read_text()
    assert "MIT" in licence and (tmp_path / "ort" / "ThirdPartyNotices.txt").is_file()
