// What is held down right now, whoever holds it: keyboard, keycaps under the mouse or a thumb, gamepad.

export class Hands extends EventTarget {
  #holders = new Map(); // key -> set of who holds it

  get down() {
    return [...this.#holders.keys()];
  }

  press(key, holder) {
    const known = this.#holders.get(key);
    if (known) known.add(holder);
    else {
      this.#holders.set(key, new Set([holder]));
      this.#changed();
    }
  }

  release(key, holder) {
    const held = this.#holders.get(key);
    if (!held?.delete(holder) || held.size) return;
    this.#holders.delete(key);
    this.#changed();
  }

  /** The window lost the keyboard, or another player took over: nothing stays stuck. */
  letGo() {
    if (!this.#holders.size) return;
    this.#holders.clear();
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
