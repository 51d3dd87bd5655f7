// One picture on the stage: a canvas as large as the world's own pixels, scaled up by the browser.

import { element, icon } from "./element.js";

export class Screen {
  #canvas = element("canvas", { role: "img" });
  #small = element("small");
  #empty = element("div", { class: "none", hidden: true });

  /** `tone` is the token of the dot before the name. */
  constructor(name, tone) {
    this.name = name;
    this.wide = element(
      "button",
      { class: "bare wide", "aria-label": `${name} alone`, title: "Alone, or all" },
      icon("wide"),
    );
    this.glass = element("div", { class: "glass" }, this.#canvas, this.#empty);
    this.node = element(
      "figure",
      { class: "screen" },
      element(
        "figcaption",
        {},
        element("i", { style: `--tone: var(--${tone})` }),
        name,
        this.#small,
        this.wide,
      ),
      this.glass,
    );
    this.#canvas.setAttribute("aria-label", `${name}: nothing yet`);
    this.draw = this.#canvas.getContext("2d", { willReadFrequently: true });
  }

  note(text) {
    if (this.#small.textContent !== text) this.#small.textContent = text;
  }

  describe(text) {
    this.#canvas.setAttribute("aria-label", `${this.name}: ${text}`);
  }

  /** Show ImageData or an ImageBitmap; gives its pixels when asked to. */
  paint(picture, wanted = false) {
    this.#size(picture.width, picture.height);
    if (picture instanceof ImageData) {
      this.draw.putImageData(picture, 0, 0);
      return picture;
    }
    this.draw.drawImage(picture, 0, 0);
    return wanted ? this.draw.getImageData(0, 0, picture.width, picture.height) : null;
  }

  /** Nothing to show: say why, and offer what helps. */
  empty(...content) {
    this.#empty.replaceChildren(...content);
    this.#empty.hidden = !content.length;
    this.#canvas.style.visibility = content.length ? "hidden" : "";
  }

  #size(width, height) {
    const canvas = this.#canvas;
    if (canvas.width === width && canvas.height === height) return;
    canvas.width = width;
    canvas.height = height;
    this.glass.style.aspectRatio = `${width} / ${height}`;
  }
}
