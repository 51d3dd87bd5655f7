"""A world is known by its own picture, or by an instant of what it learned from."""

import io
from dataclasses import replace

from PIL import Image

from foreworld.studio.portrait import portrait


def test_an_instant_of_the_episodes_is_shown(stage):
    with Image.open(io.BytesIO(portrait(stage.offer))) as picture:
        assert picture.size == (16, 16) and len(picture.getcolors(256)) > 1


def test_its_own_picture_comes_first(stage, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"mine")
    assert portrait(replace(stage.offer, path=tmp_path)) == b"mine"


def test_without_either_there_is_none(stage, tmp_path):
    assert portrait(replace(stage.offer, path=tmp_path, episodes=None)) is None
    assert portrait(replace(stage.offer, path=tmp_path, episodes=tmp_path)) is None


def test_the_server_says_where_it_is(serve):
    server = serve()
    world = server.json("/api/worlds")[0]
    status, body = server.get(world["picture"])
    assert status == 200 and body[:4] == b"\x89PNG"
    assert server.get("/api/runs/nobody/picture")[0] == 404
