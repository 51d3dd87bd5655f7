// What lies over the pictures when nothing moves: the first play button, an end, a server that is away.

import { element, icon } from "./element.js";

export class Veil {
  constructor() {
    this.node = element("div", { class: "veil", hidden: true });
  }

  /** `choices` are [words, drawing, function]; the first is the one that is meant. */
  show(title, text, ...choices) {
    this.node.replaceChildren(
      element("b", {}, title),
      element("span", {}, text),
      element(
        "div",
        { class: "choices" },
        ...choices.map(([words, drawing, run], i) =>
          element("button", { class: i ? "" : "main", onclick: run }, icon(drawing), words),
        ),
      ),
    );
    this.node.hidden = false;
  }

  lift() {
    this.node.hidden = true;
  }
}
