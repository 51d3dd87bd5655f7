"""A checkpoint comes back to the bit, and a crash at any time leaves one that loads."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from foreworld.checkpoint import checkpoints, latest, load_checkpoint, save_checkpoint


def save(path, value=1.0, **kwargs):
    arrays = {"model": {"w": torch.full((3, 2), value)}, "optimizer": {"m": torch.zeros(2)}}
    return save_checkpoint(path, arrays=arrays, documents={"config": {"lr": 1e-3}}, **kwargs)


def test_every_dtype_comes_back_to_the_bit(tmp_path):
    tensors = {
        "f32": torch.tensor([0.1, float("nan"), float("-inf"), -0.0]),
        "bf16": torch.randn(3, 5).bfloat16(),
        "f64": torch.tensor(1 / 3, dtype=torch.float64),
        "i64": torch.tensor([2**62, -1]),
        "u8": torch.arange(256, dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 4),
        "transposed": torch.randn(3, 4).T,
    }
    save_checkpoint(tmp_path / "c", arrays={"model": tensors}, documents={"specs": {"a": [1]}})
    found = load_checkpoint(tmp_path / "c")
    assert found.documents == {"specs": {"a": [1]}}
    for name, tensor in tensors.items():
        back = found.arrays["model"][name]
        assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
        same = back.contiguous().view(-1).view(torch.uint8)
        assert torch.equal(same, tensor.contiguous().view(-1).view(torch.uint8)), name


def test_tied_weights_are_stored_once_and_tied_again(tmp_path):
    model = nn.Sequential(nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False))
    model[1].weight = model[0].weight
    save_checkpoint(tmp_path / "c", arrays={"model": model.state_dict()}, documents={})
    back = load_checkpoint(tmp_path / "c").arrays["model"]
    assert back["0.weight"].data_ptr() == back["1.weight"].data_ptr()
    assert torch.equal(back["1.weight"], model[1].weight)
    assert (tmp_path / "c" / "model.safetensors").stat().st_size < 2 * 64 * 64 * 4


def test_views_of_one_tensor_are_stored_apart(tmp_path):
    whole = torch.arange(6.0)
    tensors = {
        "whole": whole,
        "square": whole.view(2, 3),
        "part": whole[2:4],
        "turned": whole.view(2, 3).T,
    }
    save_checkpoint(tmp_path / "c", arrays={"model": tensors}, documents={})
    back = load_checkpoint(tmp_path / "c").arrays["model"]
    assert all(torch.equal(back[k], v) for k, v in tensors.items())


def test_names_limit_what_is_read(tmp_path):
    save(tmp_path / "c")
    assert list(load_checkpoint(tmp_path / "c", names=["model"]).arrays) == ["model"]
    assert load_checkpoint(tmp_path / "c", names=[]).documents == {"config": {"lr": 1e-3}}
    with pytest.raises(ValueError, match="did you mean 'model'"):
        load_checkpoint(tmp_path / "c", names=["modle"])


def test_manifest_says_what_when_and_from_which_commit(tmp_path):
    save(tmp_path / "c", step=12, kind="training")
    manifest = load_checkpoint(tmp_path / "c").manifest
    assert (manifest["step"], manifest["kind"], manifest["format"]) == (12, "training", 1)
    assert abs(manifest["time"] - time.time()) < 60
    assert set(manifest["files"]) == {"config.json", "model.safetensors", "optimizer.safetensors"}


def test_keep_leaves_the_newest_of_its_kind(tmp_path):
    save(tmp_path / "best", kind="best", step=0)
    for step in range(5):
        save(tmp_path / f"{step:06d}", step=step, keep=2)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["000003", "000004", "best"]
    assert latest(tmp_path) == tmp_path / "000004"
    assert latest(tmp_path / "nowhere") is None
    with pytest.raises(ValueError, match="at least 1"):
        save(tmp_path / "000005", step=5, keep=0)


def test_latest_passes_over_what_is_incomplete(tmp_path):
    save(tmp_path / "1", step=1)
    save(tmp_path / "2", step=2)
    (tmp_path / "2" / "done").unlink()
    assert latest(tmp_path) == tmp_path / "1"
    with pytest.raises(ValueError, match="incomplete"):
        load_checkpoint(tmp_path / "2")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "manifest.json"])
def test_a_flipped_bit_is_found(tmp_path, file):
    save(tmp_path / "c")
    content = bytearray((tmp_path / "c" / file).read_bytes())
    content[-3] ^= 1
    (tmp_path / "c" / file).write_bytes(content)
    with pytest.raises(ValueError, match="damaged.*load an earlier one"):
        load_checkpoint(tmp_path / "c")


def test_what_is_no_checkpoint_says_so(tmp_path):
    with pytest.raises(ValueError, match="there is no checkpoint at"):
        load_checkpoint(tmp_path / "none")
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="no manifest.json"):
        load_checkpoint(tmp_path / "photos")
    with pytest.raises(ValueError, match="is no checkpoint; give a path of its own"):
        save(tmp_path / "photos")


def rewrite_manifest(path, **changes):
    import hashlib

    text = json.dumps(json.loads((path / "manifest.json").read_text()) | changes)
    (path / "manifest.json").write_text(text)
    (path / "done").write_text(hashlib.sha256(text.encode()).hexdigest())


def test_newer_formats_and_paths_outside_are_refused(tmp_path):
    rewrite_manifest(save(tmp_path / "new"), format=99)
    with pytest.raises(ValueError, match="newer foreworld"):
        load_checkpoint(tmp_path / "new")
    rewrite_manifest(save(tmp_path / "evil"), files={"../../etc/passwd.json": ""})
    with pytest.raises(ValueError, match="outside itself"):
        load_checkpoint(tmp_path / "evil")


def test_a_document_that_is_not_json_leaves_nothing_behind(tmp_path):
    save(tmp_path / "c", value=1.0)
    with pytest.raises(ValueError, match="document 'config' is not JSON"):
        save_checkpoint(tmp_path / "c", arrays={}, documents={"config": {"x": object()}})
    with pytest.raises(ValueError, match="cannot name a file"):
        save_checkpoint(tmp_path / "c", arrays={}, documents={"../config": {}})
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
    assert load_checkpoint(tmp_path / "c").arrays["model"]["w"][0, 0] == 1.0


def test_a_crash_between_the_renames_loses_nothing(tmp_path):
    save(tmp_path / "last", value=1.0, step=1)
    (tmp_path / "last").rename(tmp_path / ".last.previous")  # where _swap stands between the two
    assert latest(tmp_path) == tmp_path / "last"
    assert load_checkpoint(tmp_path / "last").arrays["model"]["w"][0, 0] == 1.0
    save(tmp_path / "last", value=2.0, step=2)
    assert load_checkpoint(tmp_path / "last").arrays["model"]["w"][0, 0] == 2.0
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


WRITER = """
import sys, torch
from foreworld.checkpoint import save_checkpoint
step = 0
while True:
    step += 1
    arrays = {"model": {"w": torch.full((300_000,), float(step))}}
    save_checkpoint(sys.argv[1], arrays=arrays, documents={"progress": {"step": step}}, step=step)
    print(step, flush=True)
"""


def test_kill_9_while_saving_leaves_a_whole_one(tmp_path):
    path = tmp_path / "last"
    for attempt in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        said = [int(writer.stdout.readline()) for _ in range(3)]
        time.sleep(0.003 * attempt)
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.communicate()[0].split()]
        found = load_checkpoint(latest(tmp_path) or Path("none"))
        step = found.documents["progress"]["step"]
        assert step in (said[-1], said[-1] + 1)  # nothing that was said to be saved is lost
        assert torch.equal(found.arrays["model"]["w"], torch.full((300_000,), float(step)))
        assert len(checkpoints(tmp_path)) == 1


def test_moving_a_checkpoint_is_copying_a_folder(tmp_path):
    shutil.copytree(save(tmp_path / "a"), tmp_path / "b" / "c")
    assert load_checkpoint(tmp_path / "b" / "c").arrays["model"]["w"].shape == (3, 2)
