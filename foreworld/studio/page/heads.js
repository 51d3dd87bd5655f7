// What the model foretells besides pictures: a curve for each number, folded rows for each vector.

import { element } from "./element.js";
import { Curve, written } from "./curve.js";

const LOST = 0.5; // a dream this far from the truth is lost, says the protocol
const MOST_ROWS = 64;

export class Heads {
  #scalars = new Map(); // head -> Curve
  #vectors = new Map(); // head -> Vector
  #surprise = new Curve("Surprise", { tone: "amber", floor: 0, reach: 1, lamp: LOST });
  #doubt = new Curve("Uncertainty", { tone: "branch-2", floor: 0 });
  #body = element("div");

  constructor() {
    this.node = element(
      "section",
      { class: "panel", "aria-label": "What the model foretells" },
      element("header", {}, element("h2", {}, "Foretold")),
      this.#body,
    );
  }

  fit({ heads, truth, deterministic }) {
    this.#scalars.clear();
    this.#vectors.clear();
    let tone = 0;
    for (const [name, head] of Object.entries(heads)) {
      if (head.kind === "scalar")
        this.#scalars.set(
          name,
          new Curve(titled(name, head.unit), { tone: `branch-${tone++ % 6}` }),
        );
      else if (head.kind === "probability") {
        this.#scalars.set(
          name,
          new Curve(titled(name), { tone: `branch-${tone++ % 6}`, floor: 0, ceiling: 1 }),
        );
      } else this.#vectors.set(name, new Vector(name, head));
    }
    this.#surprise.node.hidden = !truth.possible;
    this.#doubt.node.hidden = deterministic;
    const parts = [
      ...this.#scalars.values(),
      this.#surprise,
      this.#doubt,
      ...this.#vectors.values(),
    ];
    this.#body.replaceChildren(...parts.map((part) => part.node));
  }

  push(frame) {
    for (const [name, curve] of this.#scalars) {
      if (typeof frame.heads?.[name] === "number") curve.push([frame.heads[name]]);
    }
    for (const [name, vector] of this.#vectors)
      vector.push(frame.heads?.[name], frame.truth?.[name]);
    if (frame.surprise !== null) this.#surprise.push([frame.surprise]);
    if (frame.uncertainty !== null) this.#doubt.push([frame.uncertainty]);
  }

  clear() {
    for (const part of [
      ...this.#scalars.values(),
      ...this.#vectors.values(),
      this.#surprise,
      this.#doubt,
    ])
      part.clear();
  }

  draw() {
    for (const part of [
      ...this.#scalars.values(),
      ...this.#vectors.values(),
      this.#surprise,
      this.#doubt,
    ])
      part.draw();
  }
}

/** The numbers of one vector head as bars from their lowest to their highest so far, a notch where the truth is. */
export class Vector {
  #rows = [];
  #last = null;

  constructor(name, { names, size, classes }) {
    const count = size ?? classes.length; // of a discrete head: its most likely class, one a component
    this.names = names ?? Array.from({ length: count }, (_, i) => `${name} ${i}`);
    const rows = element("div", { class: "rows" });
    this.#rows = this.names.slice(0, MOST_ROWS).map((label) => new Row(label, rows));
    this.node = element(
      "details",
      { class: "vector" },
      element(
        "summary",
        {},
        element("span", {}, titled(name)),
        element("small", {}, `${this.names.length} numbers`),
      ),
      rows,
    );
  }

  push(said, shown) {
    if (said === undefined || said === null) return;
    const [values, truth] = [said, shown ?? []].map((each) => [each].flat());
    this.#last = { values, truth };
    this.#rows.forEach((row, i) => row.widen(values[i], truth[i]));
  }

  clear() {
    this.#rows.forEach((row) => row.clear());
  }

  draw() {
    if (!this.node.open || !this.#last) return;
    this.#rows.forEach((row, i) => row.draw(this.#last.values[i], this.#last.truth[i]));
  }
}

class Row {
  #bar = element("i");
  #notch = element("em");
  #value = element("output");

  constructor(name, parent) {
    this.clear();
    parent.append(
      element("span", { class: "name", title: name }, name),
      element("span", { class: "bar-of" }, this.#bar, this.#notch),
      this.#value,
    );
  }

  clear() {
    [this.low, this.high] = [0, 1e-6];
  }

  widen(...values) {
    for (const value of values.filter(Number.isFinite)) {
      this.low = Math.min(this.low, value);
      this.high = Math.max(this.high, value);
    }
  }

  draw(value, truth) {
    const share = (number) => ((number - this.low) / (this.high - this.low)) * 100;
    const [from, to] = [share(0), share(value)].sort((a, b) => a - b);
    this.#bar.style.cssText = `left: ${from}%; width: ${Math.max(1, to - from)}%`;
    this.#notch.hidden = !Number.isFinite(truth);
    if (Number.isFinite(truth)) this.#notch.style.left = `${share(truth)}%`;
    this.#value.textContent = written(value);
  }
}

function titled(name, unit) {
  const text = name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
  return unit ? `${text} (${unit})` : text;
}
