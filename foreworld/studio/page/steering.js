// Steering without a keyboard: the world's keys as keycaps to hold, and a stick or sliders where actions have degrees.

import { element } from "./element.js";
import { printed } from "./help.js";

const PLACE = { arrowup: "n", arrowleft: "w", arrowdown: "s", arrowright: "e" };

export class Steering {
  #caps = new Map(); // key -> button
  #hands;

  /** `lean` sends the numbers of a continuous action, or null to give it back to the keys. */
  constructor(hands, lean) {
    this.#hands = hands;
    this.lean = lean;
    this.node = element("div", { class: "steer" });
    hands.addEventListener("change", () => this.#press());
  }

  fit({ keymap, action }) {
    this.#caps.clear();
    const cross = element("div", { class: "cross" });
    const others = element("div", { class: "caps" });
    for (const { keys, label } of keymap) {
      const cap = this.#cap(keys[0], label);
      keys.forEach((key) => this.#caps.set(key, cap));
      const place = keys.map((key) => PLACE[key]).find(Boolean);
      if (place) cap.dataset.place = place;
      (place ? cross : others).append(cap);
    }
    this.node.replaceChildren(
      ...[cross, others].filter((part) => part.children.length),
      ...(action.kind === "continuous" ? [this.#analogue(action)] : []),
    );
  }

  /** The keys that the picture now shows the effect of. */
  applied(keys) {
    const caps = new Set(keys.map((key) => this.#caps.get(key)));
    for (const cap of this.#caps.values()) cap.classList.toggle("applied", caps.has(cap));
  }

  #cap(key, label) {
    const cap = element(
      "button",
      { class: "cap", "data-key": key, "aria-label": `Hold: ${label}` },
      element("kbd", {}, printed(key)),
      element("span", {}, label),
    );
    cap.addEventListener("pointerdown", (event) => {
      cap.setPointerCapture(event.pointerId);
      this.#hands.press(key, "pad");
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      cap.addEventListener(end, () => this.#hands.release(key, "pad"));
    }
    cap.addEventListener(
      "keydown",
      (event) => [" ", "Enter"].includes(event.key) && this.#hands.press(key, "cap"),
    );
    cap.addEventListener("keyup", () => this.#hands.release(key, "cap"));
    cap.addEventListener("blur", () => this.#hands.release(key, "cap"));
    cap.addEventListener("contextmenu", (event) => event.preventDefault());
    return cap;
  }

  #press() {
    const down = new Set(this.#hands.down.map((key) => this.#caps.get(key)));
    for (const cap of this.#caps.values()) cap.classList.toggle("down", down.has(cap));
  }

  #analogue(action) {
    const low = action.low.map((value) => value ?? -1);
    const high = action.high.map((value) => value ?? 1);
    return low.length === 2
      ? this.#stick(low, high, action.names)
      : this.#sliders(low, high, action);
  }

  #stick(low, high, names) {
    const stick = element(
      "div",
      {
        class: "stick",
        role: "img",
        "aria-label": `Stick for ${names.map(words).join(" and ")}: drag it, or use the keys`,
      },
      element("i"),
    );
    const move = (event) => {
      const box = stick.getBoundingClientRect();
      const reach = box.width / 2 - 14;
      let [x, y] = [
        event.clientX - box.left - box.width / 2,
        box.top + box.height / 2 - event.clientY,
      ];
      const far = Math.max(1, Math.hypot(x, y) / reach);
      [x, y] = [x / far, y / far];
      stick.style.cssText = `--x: ${x}px; --y: ${-y}px`;
      this.lean(
        [x / reach, y / reach].map((share, i) => low[i] + ((share + 1) / 2) * (high[i] - low[i])),
      );
    };
    stick.addEventListener("pointerdown", (event) => {
      stick.setPointerCapture(event.pointerId);
      move(event);
    });
    stick.addEventListener(
      "pointermove",
      (event) => stick.hasPointerCapture(event.pointerId) && move(event),
    );
    stick.addEventListener("lostpointercapture", () => {
      stick.style.cssText = "";
      this.lean(null);
    });
    return stick;
  }

  #sliders(low, high, { names, rest }) {
    const sliders = low.map((least, i) =>
      element("input", {
        type: "range",
        min: least,
        max: high[i],
        step: (high[i] - least) / 100,
        value: rest?.[i] ?? 0,
        oninput: () => this.lean(sliders.map((slider) => Number(slider.value))),
        ondblclick: () => this.lean(null),
      }),
    );
    return element(
      "div",
      { class: "sliders" },
      ...sliders.map((slider, i) => element("label", {}, words(names[i]), slider)),
    );
  }
}

/** What a part of the action is called; some worlds only number them. */
function words(name) {
  return /^\d+$/.test(name) ? `action ${name}` : name;
}
