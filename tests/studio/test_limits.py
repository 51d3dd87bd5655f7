"""Who may come in, and how often they may speak."""

import pytest

from foreworld.studio.limits import Bucket, Door


def test_a_bucket_fills_with_time():
    now = [0.0]
    bucket = Bucket(10, clock=lambda: now[0])
    assert [bucket.take() for _ in range(12)] == [True] * 10 + [False] * 2
    now[0] = 0.35
    assert [bucket.take() for _ in range(5)] == [True] * 3 + [False] * 2
    now[0] = 1000.0
    assert sum(bucket.take() for _ in range(50)) == 10, "a burst is a second's worth"
    assert bucket.refused == 2 + 2 + 40


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("127.0.0.1:8765", None, True),
        ("localhost:8765", "http://localhost:8765", True),
        ("[::1]:8765", None, True),
        ("localhost:8765", "http://localhost:9999", False),
        ("localhost:8765", "https://evil.example", False),
        ("localhost:8765", "null", False),
        ("rebound.example:8765", "http://rebound.example:8765", False),
        ("localhost.evil.example", None, False),
        ("", None, False),
    ],
)
def test_other_sites_do_not_get_in(host, origin, own):
    headers = {"host": host} | ({"origin": origin} if origin else {})
    assert Door().is_own(headers) is own


def test_a_door_that_is_open_wants_a_token():
    door = Door("0.0.0.0", "secret")
    assert door.is_own({"host": "studio.example:8765"})
    assert not door.knows(None, {}) and not door.knows("secre", {})
    assert door.knows("secret", {}) and door.knows(None, {"authorization": "Bearer secret"})
    assert not door.knows(None, {"authorization": "Basic secret"})
    assert not door.knows("ünicode", {})
    assert Door().knows(None, {})
