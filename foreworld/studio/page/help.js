// The overlay of the keys: the world's own first, then the studio's.

import { element, icon } from "./element.js";

const NAMES = {
  arrowleft: "←",
  arrowright: "→",
  arrowup: "↑",
  arrowdown: "↓",
  " ": "Space",
  escape: "Esc",
  backspace: "⌫",
  enter: "⏎",
};

/** A key as it is printed on a keyboard. */
export function printed(key) {
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

export class Help {
  constructor(dialog) {
    this.dialog = dialog;
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** `world` and `studio` are lists of [key, what it does]. */
  fill(world, studio) {
    this.dialog.replaceChildren(
      element(
        "header",
        {},
        element("h1", { id: "help-title" }, "Keys"),
        element(
          "button",
          { class: "bare", "aria-label": "Close", onclick: () => this.dialog.close() },
          icon("close"),
        ),
      ),
      ...(world.length ? [element("h2", {}, "In this world"), table(world)] : []),
      element("h2", {}, "In the studio"),
      table(studio),
      element("h2", {}, "What you see"),
      element(
        "p",
        {},
        "The dream is what the model imagines from your keys alone. Where the real world can run beside it, the " +
          "truth shows what would have happened, and the difference glows where the dream is wrong. The lamp is green " +
          "as far as the trust report measured dreams to hold, amber near that end or when dream and truth begin to part, " +
          "and red beyond.",
      ),
    );
  }

  toggle() {
    if (this.dialog.open) this.dialog.close();
    else this.dialog.showModal();
  }
}

function table(rows) {
  return element(
    "dl",
    { class: "keys" },
    ...rows.map(([key, text]) =>
      element(
        "div",
        {},
        element("dt", {}, ...[key].flat().map((each) => element("kbd", {}, printed(each)))),
        element("dd", {}, text),
      ),
    ),
  );
}
