// From keys to an action, as the session protocol says: values of a continuous part add up and are cut
// to its bounds; of a discrete part the key that went down last counts.

const WIDE = 1; // of a number without bounds

/** Numbers of an action, one a part. down: keys in the order they went down; before: the last action. */
export function actionOf(form, keymap, down, before) {
  const wanted = down.flatMap((key) => keymap.filter((cap) => cap.keys.includes(key)));
  const start = form.rest === null ? before ?? form.names.map(() => 0) : [form.rest].flat(9);
  if (!wanted.length) return [...start];
  if (form.kind === "discrete") return wanted.reduce((action, { part, value }) => action.with(part, value), start);
  const ends = form.names.map((_, i) => [form.low?.[i] ?? -WIDE, form.high?.[i] ?? WIDE]);
  const middle = ends.map(([low, high]) => (low + high) / 2);
  const action = wanted.reduce((sum, { part, value }) => sum.with(part, sum[part] + value - middle[part]), middle);
  return action.map((x, i) => Math.min(Math.max(x, ends[i][0]), ends[i][1]));
}
