"""What outlives the server: sessions with their past, snapshots and recordings, in one SQLite file.

    sessions     one row each: where one stands, its branches, how it was begun
    nodes        every instant: the action that led there; the state of every 32nd and of beginnings
    snapshots    bytes by their hash
    recordings   what was written where

Every step is committed before its frame is sent (write-ahead log), so that a server that is killed
goes on from the frame that was seen last.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load

from foreworld.sessions.rows import Rows
from foreworld.sessions.session import Session, kept_for_good
from foreworld.sessions.snapshot import from_leaves, to_bytes
from foreworld.sessions.tree import Branch, Node

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions(
    id TEXT PRIMARY KEY, world TEXT NOT NULL, model TEXT NOT NULL, seed INTEGER NOT NULL,
    here INTEGER NOT NULL, branch INTEGER NOT NULL, branches TEXT NOT NULL, note TEXT NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS nodes(
    session TEXT NOT NULL, id INTEGER NOT NULL, parent INTEGER, frame INTEGER NOT NULL,
    seed INTEGER NOT NULL, action BLOB, observed INTEGER NOT NULL, chance INTEGER NOT NULL,
    state BLOB,
    PRIMARY KEY(session, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots(
    hash TEXT PRIMARY KEY, data BLOB NOT NULL, taken REAL NOT NULL);
CREATE TABLE IF NOT EXISTS recordings(
    path TEXT NOT NULL, source TEXT NOT NULL, world TEXT NOT NULL, episode INTEGER NOT NULL,
    steps INTEGER NOT NULL, session TEXT NOT NULL, made REAL NOT NULL);
"""
KEPT = 200  # sessions; older ones are forgotten when the server starts
SIGNED = 1 << 63


class Database:
    """One connection for one thread at a time. path: a file, or ":memory:"."""

    def __init__(self, path: str | Path) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a power cut may cost a moment, never more
        self._db.executescript(SCHEMA)
        self._forget()

    def close(self) -> None:
        self._db.close()

    # Sessions

    def create(self, id: str, world: str, model: str, session: Session) -> None:
        now = time.time()
        row = (id, world, model, _signed(session.seed), 0, 0, "[]", "{}", now, now)
        self._db.execute("INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?,?)", row)

    def save(self, changes: Iterable[tuple[str, Session, list[Node], dict[str, Any]]]) -> None:
        """Sessions with new nodes and a note of how they are played: all of it, or nothing."""
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for id, session, nodes, note in changes:
                self._db.executemany(
                    "INSERT OR REPLACE INTO nodes VALUES (?,?,?,?,?,?,?,?,?)",
                    [_node_row(id, session, node) for node in nodes],
                )
                tree = session.tree
                branches = json.dumps([vars(b) for b in tree.branches])
                self._db.execute(
                    "UPDATE sessions SET here=?, branch=?, branches=?, note=?, used=? WHERE id=?",
                    (tree.here, tree.branch, branches, json.dumps(note), now, id),
                )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def find(self, id: str) -> dict[str, Any] | None:
        """world, model, seed and note of a session; None: there is none."""
        cursor = self._db.execute("SELECT world, model, seed, note FROM sessions WHERE id=?", (id,))
        row = cursor.fetchone()
        if row is None:
            return None
        return dict(
            zip(("world", "model", "seed", "note"), (*row[:3], json.loads(row[3])), strict=True)
        )

    def load(self, id: str, rows: Rows) -> Session:
        """A session as it was when it was last saved."""
        row = self._db.execute(
            "SELECT seed, here, branch, branches FROM sessions WHERE id=?", (id,)
        ).fetchone()
        session = Session(rows, _unsigned(row[0]))
        spec, template = rows.specs["action"], rows.model.initial(1)
        for n, parent, frame, seed, action, observed, chance, state in self._db.execute(
            "SELECT id, parent, frame, seed, action, observed, chance, state FROM nodes "
            "WHERE session=? ORDER BY id", (id,),
        ):  # fmt: skip
            given = None
            if action is not None:  # a copy: what SQLite gives cannot be written to
                given = np.frombuffer(action, spec.dtype).reshape(spec.shape).copy()
            seen = bool(observed), bool(chance)
            node = Node(n, parent, frame, _unsigned(seed), given, *seen)
            session.tree.add(node)
            if state is not None:
                session.keep(node, from_leaves(template, load(state)))
        tree = session.tree
        tree.here, tree.branch = row[1:3]
        tree.branches = [Branch(**b) for b in json.loads(row[3])]
        return session

    def sessions(self) -> list[dict[str, Any]]:
        """Those that can be resumed, the last used first."""
        names = ("session", "world", "created", "used", "branches", "frame")
        cursor = self._db.execute(
            "SELECT s.id, s.world, s.created, s.used, json_array_length(s.branches), n.frame "
            "FROM sessions s JOIN nodes n ON n.session=s.id AND n.id=s.here ORDER BY s.used DESC"
        )
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _forget(self) -> None:
        old = "(SELECT id FROM sessions ORDER BY used DESC LIMIT -1 OFFSET ?)"
        self._db.execute(f"DELETE FROM nodes WHERE session IN {old}", (KEPT,))
        self._db.execute(f"DELETE FROM sessions WHERE id IN {old}", (KEPT,))

    # Snapshots and recordings

    def keep_snapshot(self, hash: str, data: bytes) -> None:
        row = (hash, data, time.time())
        self._db.execute("INSERT OR IGNORE INTO snapshots VALUES (?,?,?)", row)

    def snapshot(self, hash: str) -> bytes | None:
        row = self._db.execute("SELECT data FROM snapshots WHERE hash=?", (hash,)).fetchone()
        return None if row is None else row[0]

    def note_recording(
        self, path: str, source: str, world: str, episode: int, steps: int, session: str
    ) -> None:
        row = (path, source, world, episode, steps, session, time.time())
        self._db.execute("INSERT INTO recordings VALUES (?,?,?,?,?,?,?)", row)

    def recordings(self, session: str | None = None) -> list[dict[str, Any]]:
        """By store: where it is, and how much it holds (of one session)."""
        names = ("path", "source", "world", "episodes", "steps")
        cursor = self._db.execute(
            "SELECT path, source, world, COUNT(*), SUM(steps) FROM recordings "
            "WHERE ? IS NULL OR session=? GROUP BY path, source, world", (session, session),
        )  # fmt: skip
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _node_row(id: str, session: Session, node: Node) -> tuple[Any, ...]:
    state = None
    if kept_for_good(node):
        state = to_bytes(session.state_of(node.id))
    action = None if node.action is None else node.action.tobytes()
    place = (id, node.id, node.parent, node.frame, _signed(node.seed))
    return (*place, action, node.observed, node.chance, state)


def _signed(seed: int) -> int:
    return seed - 2 * SIGNED if seed >= SIGNED else seed


def _unsigned(seed: int) -> int:
    return seed + 2 * SIGNED if seed < 0 else seed
