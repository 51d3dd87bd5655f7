// A gamepad: its cross and left stick are the arrows, its buttons the other keys of the world in their order.

const CROSS = { 12: "arrowup", 13: "arrowdown", 14: "arrowleft", 15: "arrowright" };
const DEAD = 0.35;

export class Gamepad {
  constructor(hands, worldKeys) {
    Object.assign(this, { hands, worldKeys });
  }

  /** Look at the pad; to be called once a painted frame. */
  poll() {
    const pad = navigator.getGamepads?.().find(Boolean);
    if (!pad) return;
    const held = new Set(arrows(pad.axes[0] ?? 0, pad.axes[1] ?? 0));
    const others = [...this.worldKeys()].filter((key) => !key.startsWith("arrow"));
    pad.buttons.forEach((button, i) => {
      const key = CROSS[i] ?? others[i];
      if (button.pressed && key) held.add(key);
    });
    for (const key of this.worldKeys()) {
      if (held.has(key)) this.hands.press(key, "gamepad");
      else this.hands.release(key, "gamepad");
    }
  }
}

function arrows(x, y) {
  const keys = [];
  if (Math.abs(x) > DEAD) keys.push(x < 0 ? "arrowleft" : "arrowright");
  if (Math.abs(y) > DEAD) keys.push(y < 0 ? "arrowup" : "arrowdown");
  return keys;
}
