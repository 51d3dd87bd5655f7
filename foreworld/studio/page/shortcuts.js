// The studio's own keys: [keys, name of the command, what it does]; a key that the world uses stays the world's.

export const SHORTCUTS = [
  [[" ", "escape"], "pause", "play or pause"],
  [["."], "step", "pause, and one step"],
  [[","], "back", "one step back"],
  [["backspace"], "rewind", "back a second"],
  [["]"], "faster", "faster"],
  [["["], "slower", "slower"],
  [["b"], "fork", "branch off here"],
  [["c"], "compare", "compare with the branch left"],
  [["f"], "plan", "the planner's futures"],
  [["p"], "next", "next player: you, random, planner"],
  [["l"], "resync", "look: let the dream see the truth"],
  [["t"], "truth", "run the world along, or not"],
  [["r"], "record", "record to a dataset"],
  [["k"], "snapshot", "keep a snapshot"],
  [["u"], "share", "copy a link to this instant"],
  [["n"], "reset", "start again"],
  [["1"], "dream", "the dream alone, or all"],
  [["2"], "actual", "the truth alone, or all"],
  [["3"], "difference", "the difference alone, or all"],
  [["?", "h"], "help", "this page"],
];

/** {key: function} of `commands`, and [keys, text] for the help, without the keys that the world has taken. */
export function shortcuts(commands, taken) {
  const free = SHORTCUTS.map(([keys, name, text]) => [
    keys.filter((key) => !taken.has(key)),
    name,
    text,
  ]).filter(([keys]) => keys.length);
  return {
    byKey: Object.fromEntries(
      free.flatMap(([keys, name]) => keys.map((key) => [key, () => commands[name]()])),
    ),
    words: free.map(([keys, , text]) => [keys, text]),
  };
}
