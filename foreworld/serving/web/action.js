// From keys to an action, as the session protocol says: values of a continuous part add up and are cut
// to its bounds; of a discrete part the key that went down last counts.

/** Numbers of an action, one a part. down: keys in the order they went down; last: the action before. */
export function actionOf(form, keymap, down, last) {
  const rest = form.rest === null ? last ?? form.classes?.map(() => 0) ?? form.low.map(() => 0) : form.rest;
  const action = [rest].flat(9);
  const continuous = form.kind === "continuous";
  const moved = new Set();
  for (const key of down) {
    for (const { part, value } of keymap.filter((cap) => cap.keys.includes(key))) {
      action[part] = continuous && moved.has(part) ? action[part] + value : value;
      moved.add(part);
    }
  }
  return continuous ? action.map((x, i) => bounded(x, form.low[i], form.high[i])) : action;
}

function bounded(value, low, high) {
  return Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity);
}
