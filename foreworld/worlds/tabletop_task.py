"""Tasks as data, and the small language in which they are given.

>>> parse("push the red cup onto the green mark")
Task(kind='push', subject='cup', target='green_mark')
>>> phrases(Task("move", "pusher", "red_mark"), "test")[0]
'head to the red target'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from foreworld.errors import unknown
from foreworld.worlds.tabletop_things import MARKS, OBJECTS

KINDS = ("move", "push", "next_to", "keep")
PHRASINGS = ("train", "test")


@dataclass(frozen=True)
class Task:
    """What is wanted: the kind of task, the thing it speaks of, and what it relates that to."""

    kind: str
    subject: str  # "pusher", or the name of an object
    target: str  # the name of a mark or an object, or "table"


TASKS: tuple[Task, ...] = (
    *(Task("move", "pusher", mark) for mark in MARKS),
    *(Task("push", thing, mark) for thing in OBJECTS for mark in MARKS),
    *(Task("next_to", a, b) for a in OBJECTS for b in OBJECTS if a != b),
    *(Task("keep", thing, "table") for thing in OBJECTS),
)

# Every slot has words for training and words held out for test.
WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "move": (("move", "go", "drive"), ("head", "travel")),
    "push": (("push", "shove", "slide"), ("nudge", "bring")),
    "put": (("put", "place", "set"), ("bring", "leave")),
    "keep": (("keep", "hold"), ("save",)),
    "towards": (("to", "over to"), ("to", "towards")),
    "onto": (("onto", "to"), ("on top of", "over to")),
    "beside": (("next to", "beside"), ("close to", "near")),
    "mark": (("mark", "cross"), ("target",)),
    "cup": (("cup", "glass"), ("mug",)),
    "box": (("box", "block"), ("cube",)),
    "ball": (("ball", "sphere"), ("marble",)),
}
# A template is (sentences for training, sentences held out); {a} and {b} are things.
TEMPLATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "move": (("{move} {towards} the {b}",), ("make your way to the {b}",)),
    "push": (("{push} the {a} {onto} the {b}",), ("the {a} belongs on the {b}",)),
    "next_to": (("{put} the {a} {beside} the {b}",), ("the {a} belongs {beside} the {b}",)),
    "keep": (
        ("{keep} the {a} on the table", "do not let the {a} fall"),
        ("{keep} the {a} from falling", "stop the {a} before the edge"),
    ),
}


def _names(thing: str, split: int) -> tuple[str, ...]:
    """How a thing may be called: an object with or without its colour, a mark always with it."""
    if thing in MARKS:
        return tuple(f"{MARKS[thing]} {word}" for word in WORDS["mark"][split])
    words = WORDS[thing][split]
    return (*(f"{OBJECTS[thing].colour} {word}" for word in words), *words)


@cache
def phrases(task: Task, phrasing: str = "train") -> tuple[str, ...]:
    """All ways to give a task. "test" uses only words, and also sentences, that "train" never does.

    Raises ValueError for an unknown phrasing.
    """
    if phrasing not in PHRASINGS:
        raise unknown("phrasing", phrasing, PHRASINGS)
    split = PHRASINGS.index(phrasing)
    templates = [t for part in TEMPLATES[task.kind][: split + 1] for t in part]
    return tuple(text for template in templates for text in _fill(template, task, split))


def _fill(template: str, task: Task, split: int) -> list[str]:
    slots = re.findall(r"{(\w+)}", template)
    things = {"a": task.subject, "b": task.target}
    options = [_names(things[s], split) if s in things else WORDS[s][split] for s in slots]
    return [template.format(**dict(zip(slots, words, strict=True))) for words in product(*options)]


def _either(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


def _pattern(kind: str, template: str) -> re.Pattern[str]:
    """The template as a regular expression with groups `a` and `b`, all words of both splits."""
    everything = {slot: _either([*train, *test]) for slot, (train, test) in WORDS.items()}
    thing = f"(?:\\w+ )?(?:{'|'.join(everything[name] for name in OBJECTS)})"
    place = thing if kind == "next_to" else f"(?:\\w+ )?(?:{everything['mark']})"
    groups = {"a": f"(?P<a>{thing})", "b": f"(?P<b>{place})"}
    slots = {slot: f"(?:{words})" for slot, words in everything.items()} | groups
    return re.compile(template.format(**slots))


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (kind, _pattern(kind, template))
        for kind, (train, test) in TEMPLATES.items()
        for template in (*train, *test)
    ]


@cache
def _things() -> dict[str, str]:
    """Every name of every thing, e.g. "red mug" -> "cup"."""
    return {
        name: thing
        for thing in (*OBJECTS, *MARKS)
        for split in range(len(PHRASINGS))
        for name in _names(thing, split)
    }


def _thing(name: str) -> str:
    if name not in _things():
        raise unknown("thing", name, _things())
    return _things()[name]


def normal(text: str) -> str:
    """The sentence in lower case, with single spaces and without a full stop."""
    return " ".join(text.lower().replace(".", " ").replace("!", " ").split())


def parse(text: str) -> Task:
    """The task a sentence gives; words of both phrasings may be mixed.

    Raises ValueError, with the sentences and words that are understood, for anything else.
    """
    sentence = normal(text)
    for kind, pattern in _patterns():
        if match := pattern.fullmatch(sentence):
            found = {slot: _thing(name) for slot, name in match.groupdict().items()}
            task = Task(kind, found.get("a", "pusher"), found.get("b", "table"))
            if task not in TASKS:
                raise ValueError(f"{text!r} relates the {task.subject} to itself; name two things")
            return task
    raise ValueError(_not_understood(text, sentence))


def _not_understood(text: str, sentence: str) -> str:
    shapes = [t for train, test in TEMPLATES.values() for t in (*train, *test)]
    words = {"a": list(_things()), "b": list(_things())}
    words |= {slot: [*train, *test] for slot, (train, test) in WORDS.items()}
    known = " ".join([*shapes, *(w for group in words.values() for w in group)])
    strange = [w for w in sentence.split() if w not in re.findall(r"\w+", known)]
    lines = [f"{slot}: {', '.join(dict.fromkeys(options))}" for slot, options in words.items()]
    return "\n".join(
        [
            f"cannot understand the instruction {text!r}"
            + (f" (unknown words: {', '.join(strange)})" if strange else ""),
            "Valid sentences: " + "; ".join(shapes),
            "Valid words: " + "; ".join(lines),
        ]
    )


def sentence_room() -> tuple[str, int]:
    """The letters instructions are written in, and the length none exceeds."""
    every = [text for task in TASKS for split in PHRASINGS for text in phrases(task, split)]
    return "".join(sorted({letter for text in every for letter in text})), max(map(len, every)) + 16


def check_task(task: str | Sequence[str] | None) -> tuple[str, ...] | str:
    """The wish as a tuple of kinds, or a sentence. Raises ValueError for what is neither."""
    if task is None:
        return KINDS
    if isinstance(task, str) and " " in task.strip():
        parse(task)
        return normal(task)
    kinds = (task,) if isinstance(task, str) else tuple(task)
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("task", str(kind), (*KINDS, "or a sentence like 'move to the red mark'"))
    if not kinds:
        raise ValueError(f"task=() names no task; valid: {', '.join(KINDS)}, or None for all")
    return kinds
