// One click of "what if": fork here, hold another key for a second, and see both branches side by side.

import { element, icon } from "./element.js";
import { printed } from "./help.js";

const HELD_FRAMES = 24;

export class WhatIf {
  #left = 0; // frames for which the tried key is still held
  #node = element("div", { class: "whatif", role: "group", "aria-label": "What if" });

  /** `fork` opens a branch with a label and gives a promise of its number. */
  constructor(hands, fork) {
    Object.assign(this, { hands, fork, node: this.#node });
  }

  fit({ keymap }) {
    const keys = keymap.map(({ keys, label }) => [keys[0], label]);
    if (!keys.some(([, label]) => label === "nothing")) keys.push([null, "nothing"]);
    const tries = keys.map(([key, label]) => this.#button(key, label));
    const label = element("span", { class: "label" }, icon("fork"), "What if");
    this.#node.replaceChildren(label, ...tries);
  }

  /** Fork and hold `key` (null: none) until its second is over or somebody else steers. */
  async attempt(key, label) {
    this.hands.letGo();
    if ((await this.fork(`what if ${label}`)) === null || key === null) return;
    this.#left = HELD_FRAMES;
    this.hands.press(key, "what if");
    this.key = key;
  }

  /** A frame was painted. */
  passed({ paused }) {
    if (!paused && this.#left && --this.#left === 0) this.hands.release(this.key, "what if");
  }

  #button(key, label) {
    return element(
      "button",
      {
        "data-try": label,
        title: `Fork here and try ${label}`,
        onclick: () => this.attempt(key, label),
      },
      key ? element("kbd", {}, printed(key)) : null,
      label,
    );
  }
}
