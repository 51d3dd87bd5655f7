// From what is held down to an action, as the keymap says: values of a continuous part add up and are
// cut to its bounds; of a discrete part the key that went down last counts.

export class Steering {
  #lean = [0, 0];
  #last;

  constructor(action, keymap) {
    Object.assign(this, { action, keymap });
    this.#last = action.rest === null ? keymap.slice(0, 1).map((cap) => cap.value) : [action.rest].flat(9);
  }

  get keys() {
    return new Set(this.keymap.flatMap((cap) => cap.keys));
  }

  /** Whether a stick makes sense: two axes that the arrows move. */
  get axes() {
    const arrow = (name) => this.keymap.find((cap) => cap.keys.includes(`arrow${name}`));
    const found = ["left", "right", "down", "up"].map(arrow);
    return this.action.kind === "continuous" && found.every(Boolean) ? found : null;
  }

  /** The stick as [x, y] in -1..1, y upwards. */
  lean(x, y) {
    this.#lean = [x, y];
  }

  /** The action while `down` is held, in the order it went down: one number a part. */
  act(down) {
    const rest = this.action.rest === null ? this.#last : [this.action.rest].flat(9);
    const pressed = down.map((key) => this.keymap.find((cap) => cap.keys.includes(key))).filter(Boolean);
    const action = [...rest];
    const pushes = this.action.kind === "continuous" ? [...pressed, ...this.#leaning()] : pressed;
    const moved = new Set();
    for (const { part, value } of pushes) {
      const adds = this.action.kind === "continuous" && moved.has(part);
      action[part] = adds ? action[part] + value : value;
      moved.add(part);
    }
    this.#last = this.action.kind === "continuous" ? action.map((x, i) => this.#bounded(x, i)) : action;
    return this.#last;
  }

  #leaning() {
    const [x, y] = this.#lean;
    if (!this.axes || !(x || y)) return [];
    const [left, right, below, above] = this.axes;
    const push = ({ part, value }, size) => ({ part, value: value * Math.abs(size) });
    return [push(x < 0 ? left : right, x), push(y < 0 ? below : above, y)];
  }

  #bounded(value, part) {
    const { low, high } = this.action;
    const at = (bounds) => (Array.isArray(bounds) ? bounds.flat(9)[part] : bounds);
    return Math.min(Math.max(value, at(low) ?? -Infinity), at(high) ?? Infinity);
  }
}
