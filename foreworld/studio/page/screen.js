// One picture on the stage: a canvas as large as the world's own pixels, scaled up by the browser.

import { element } from "./element.js";

export class Screen {
  #canvas = element("canvas", { role: "img" });
  #small = element("small");
  #empty = element("div", { class: "none", hidden: true });

  /** `tone` is the token of the dot before the name. */
  constructor(name, tone) {
    this.name = name;
    this.glass = element("div", { class: "glass" }, this.#canvas, this.#empty);
    this.node = element("figure", { class: "screen" },
      element("figcaption", {}, element("i", { style: `--tone: var(--${tone})` }), name, this.#small), this.glass);
    this.#canvas.setAttribute("aria-label", `${name}: nothing yet`);
    this.draw = this.#canvas.getContext("2d", { willReadFrequently: true });
  }

  note(text) {
    if (this.#small.textContent !== text) this.#small.textContent = text;
  }

  describe(text) {
    this.#canvas.setAttribute("aria-label", `${this.name}: ${text}`);
  }

  /** Show an ImageBitmap; gives its pixels when asked to. */
  paint(bitmap, wanted = false) {
    this.#size(bitmap.width, bitmap.height);
    this.draw.drawImage(bitmap, 0, 0);
    return wanted ? this.draw.getImageData(0, 0, bitmap.width, bitmap.height) : null;
  }

  put(pixels) {
    this.#size(pixels.width, pixels.height);
    this.draw.putImageData(pixels, 0, 0);
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
