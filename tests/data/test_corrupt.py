"""Logs that cannot be believed are refused with file, field and fix, and nothing is left behind."""

from dataclasses import replace

import numpy as np
import pytest

from foreworld.config import override
from foreworld.data.importing import import_dataset
from foreworld.data.mapping import Rule
from foreworld.data.recording import Broken, Feature, Recording, Values
from foreworld.data.usual import usual
from foreworld.episodes import EpisodeStore
from tests.data.logs import FEATURES, Log, columns, log, recording

DEPTH = Feature((32, 32, 1), "float32", "depth", unit="m")


def changed(name, change, row=4):
    """A column of recording 1 whose values `change` makes wrong."""
    column = columns(12, 1)[name]
    values = column.values.copy()
    change(values, row)
    return Values(values, column.stamps)


def put(value):
    def change(values, row):
        values[row] = value

    return change


def spoiled(name, column):
    return Log([recording(0), recording(1, **{name.replace(".", "__"): column}), recording(2)])


def stamped(name, change):
    column = columns(12, 1)[name]
    return spoiled(name, Values(column.values, change(column.stamps.copy())))


def swapped(stamps):
    stamps[[3, 4]] = stamps[[4, 3]]
    return stamps


def doubled(stamps):
    stamps[5] = stamps[4]
    return stamps


def nan_action():
    return spoiled("action", changed("action", put(np.nan)))


def infinite_state():
    return spoiled("observation.state", changed("observation.state", put(np.inf)))


def wrong_rate():
    return replace(log(3), fps=30.0)


def twin():
    return Log([recording(0), recording(1), replace(recording(0), name="episode 2")])


def other_size():
    small = columns(12, 1)["observation.images.wrist"]
    return spoiled("observation.images.wrist", Values(small.values[:, :16], small.stamps))


def floats_for_pixels():
    wrist = columns(12, 1)["observation.images.wrist"]
    floats = Values(wrist.values.astype(np.float32) / 255, wrist.stamps)
    return spoiled("observation.images.wrist", floats)


def out_of_bounds():
    source = log(3)
    source.features["action"] = replace(FEATURES["action"], low=-0.1, high=0.1)
    return source


def no_rows():
    empty = Values(np.zeros((0, 2), np.float32), np.zeros(0))
    return spoiled("observation.state", empty)


def too_many_classes():
    source = log(3)
    source.features["action"] = replace(FEATURES["action"], dtype="int64", classes=2, shape=())
    for n in range(3):
        choice = Values(np.arange(12) % 3, np.arange(12) / 10)
        source.recordings[n] = recording(n, action=choice)
    return source


BROKEN = {
    "nan action": (nan_action, {}, r"episode 1: column 'action': row 4 is nan"),
    "infinite state": (infinite_state, {}, "episode 1: column 'observation.state': row 4 is inf"),
    "wrong fps": (wrong_rate, {}, "episode 0: fps: 30 is told, 10 rows a second are there"),
    "stamps out of order": (
        lambda: stamped("observation.state", swapped), {}, "stamps of 'observation.state'.*sort"),
    "stamps twice": (
        lambda: stamped("action", doubled), {}, "row 5 is at 0.4 s, after 0.4 s at row 4"),
    "stamps not finite": (
        lambda: stamped("action", lambda s: s * np.nan), {}, "row 0 is not finite"),
    "the same episode twice": (twin, {}, "episode 2: rows: the same as those of episode 0"),
    "pictures of another size": (other_size, {}, r"'observation.images.wrist'.*\(16, 32, 3\)"),
    "pictures that are floats": (floats_for_pixels, {}, r"float32 \(32, 32, 3\), not uint8"),
    "actions outside their bounds": (out_of_bounds, {}, "outside its bounds"),
    "a choice outside its classes": (too_many_classes, {}, "outside its classes"),
    "a column without rows": (no_rows, {}, "'observation.state': has no rows"),
    "a text too long": (
        lambda: log(3), {"instruction": Rule(("task",), "text", text_bytes=4)},
        "text of instruction: 'push the cup'.*has 12 bytes, there is room for 4; raise keys"),
    "a column that is not there": (
        lambda: log(3), {"state": Rule(("observation.stat",))},
        "unknown column 'observation.stat'; did you mean 'observation.state'"),
    "numbers that are not there": (
        lambda: log(3), {"state": Rule(("observation.state[0:7]",))},
        "observation.state has 2 numbers"),
    "a picture read as text": (
        lambda: log(3), {"state": Rule(("observation.images.wrist",), "text")},
        "keys.state: kind 'text' takes one column of text"),
    "units that differ in kind": (
        lambda: log(3), {"state": Rule(("observation.state",), given="deg", unit="m")},
        "deg cannot become m"),
    "a unit nobody knows": (
        lambda: log(3), {"state": Rule(("observation.state",), given="degg", unit="rad")},
        "unknown unit 'degg'; did you mean 'deg'"),
    "halves for whole numbers": (
        lambda: log(3), {"state": Rule(("observation.state",), dtype="int64")},
        "no whole number; give keys.state the kind 'vector'"),
    "a column that may not be missing": (
        lambda: spoiled("observation.state", None),
        {"state": Rule(("observation.state",), missing="refuse")},
        "episode 1: column observation.state: is not there; set keys.state.missing"),
    "depth that reaches nobody knows how far": (
        lambda: replace(log(3), features={**FEATURES, "observation.images.wrist": DEPTH}),
        {"wrist": Rule(("observation.images.wrist",), "image")},
        "keys.wrist: how far does depth reach"),
    "nothing left": (
        lambda: replace(log(3), recordings=[recording(n, 1, next__reward=None, next__done=None)
                                            for n in range(3)]), {},
        "nothing of log is left: 3 x shorter than 2 rows"),
}  # fmt: skip
PATIENT = ("nan action", "stamps twice", "the same episode twice", "pictures of another size")


@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_refused(kind, tmp_path):
    make, rules, said = BROKEN[kind]
    source = make()
    mapping = usual(source)
    mapping = replace(mapping, keys={**mapping.keys, **rules})
    with pytest.raises(ValueError, match=said):
        import_dataset(source, tmp_path / "store", mapping)
    assert not list(tmp_path.iterdir()), "something was left behind"


@pytest.mark.parametrize("kind", PATIENT)
def test_or_left_out_and_counted(kind, tmp_path):
    source = BROKEN[kind][0]()
    report = import_dataset(source, tmp_path / "store", usual(source), broken="drop")
    assert len(EpisodeStore.open(tmp_path / "store")) == report.episodes == 2
    assert [counts["recordings"] for counts in report.dropped.values()] == [1]


def test_unknown_words_in_a_mapping(tmp_path):
    source = log(1)
    with pytest.raises(ValueError, match="image_size"):
        override(usual(source), ["keys.front.imagesize=3"])
    with pytest.raises(ValueError, match="holes is 'cut'"):
        override(usual(source), ["holes=cut"])


def test_a_source_that_breaks_while_it_is_read(tmp_path):
    """What a decoder finds out late ends it as cleanly, from whichever thread."""

    class Torn(Values):
        def read(self, rows):
            raise Broken("front.mp4", "packet 3", "is torn", "copy the file again")

    front = columns(12, 1)["observation.images.front"]
    source = spoiled("observation.images.front", Torn(front.values, front.stamps))
    with pytest.raises(Broken, match="front.mp4: packet 3: is torn; copy"):
        import_dataset(source, tmp_path / "store", usual(source), workers=3)
    assert not list(tmp_path.iterdir())
    report = import_dataset(source, tmp_path / "store", usual(source), "drop", workers=3)
    assert report.episodes == 2 and "broken: packet 3 is torn" in report.dropped


def test_no_recording_at_all(tmp_path):
    empty = Log([])
    with pytest.raises(ValueError, match="nothing of log is left: empty"):
        import_dataset(empty, tmp_path / "store", usual(empty))
    lifeless = Log([Recording("episode 0", {}, None)])
    with pytest.raises(ValueError, match="no column"):
        import_dataset(lifeless, tmp_path / "store", usual(lifeless))
