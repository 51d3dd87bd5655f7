"""`foreworld play` says what is missing before it opens a browser."""

from foreworld.cli import staging
from foreworld.cli.main import main


def said(capsys, *words):
    assert main(["play", *map(str, words), "--no-browser"]) == 1
    return capsys.readouterr().err


def test_what_cannot_be_played_is_said_in_one_line(tmp_path, capsys, monkeypatch):
    assert "is not a run" in said(capsys, tmp_path)
    assert "1 to 240 steps" in said(capsys, tmp_path, "--fps", "0")
    monkeypatch.setattr(staging, "GALLERY", tmp_path)
    assert "foreworld play runs/demo" in said(capsys)


def test_the_gallery_is_what_its_folder_holds(tmp_path, monkeypatch):
    run = tmp_path / "rooms"
    words = "--preset debug --steps 1 --prefill 100 --num-envs 2 --threads 1 --image-size 16"
    assert main(["train", "rooms", "--run", str(run), *words.split()]) == 0
    (run / "about.txt").write_text("Two rooms.\n")
    monkeypatch.setattr(staging, "GALLERY", tmp_path)
    (offer,) = staging.gallery()
    assert (offer.name, offer.title, offer.source) == ("rooms", "Rooms", "gallery")
    assert offer.about == "Two rooms." and offer.env == "foreworld/Rooms-v0"
    stage = staging.open_stage(offer)
    assert stage.truth is not None and stage.policies == ["human", "random", "planner"]
    assert stage.horizon is None and stage.atlas is not None
