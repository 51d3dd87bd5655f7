// One head over the last seconds: a line per number, a band for what the model is not sure of, the value in words.

import { element, fitted } from "./element.js";
import { colour } from "./theme.js";

const KEPT = 240; // ten seconds at 24 frames a second
const TONES = ["branch-0", "branch-1", "branch-2", "branch-3", "branch-4", "branch-5"];
export const toneOf = (index) => TONES[index % TONES.length];

export class Curve {
  #rows = [];
  #span = KEPT;
  #canvas = element("canvas", { "aria-hidden": "true" });
  #value = element("output", {}, "–");

  /** `label` is what people read; `tone` the token of its colour; `floor` and `ceiling` bound the axis if known,
   * `reach` is the least it goes up to, `lamp` draws a line. */
  constructor(label, { tone, floor, ceiling, reach, lamp } = {}) {
    Object.assign(this, { label, tone, floor, ceiling, reach, lamp });
    this.node = element(
      "div",
      { class: "curve" },
      element("span", { class: "name", title: label }, label),
      this.#canvas,
      this.#value,
    );
  }

  /** The numbers of this instant, and how unsure each is (same length) or nothing. */
  push(values, spread) {
    this.#rows.push({ values, spread });
    if (this.#rows.length > KEPT) this.#rows.shift();
  }

  /** Let `count` instants fill the width. */
  stretch(count) {
    this.#span = Math.max(2, count);
  }

  clear() {
    this.#rows.length = 0;
    this.#value.textContent = "–";
  }

  draw() {
    const { draw, width, height } = fitted(this.#canvas);
    const last = this.#rows.at(-1);
    if (!last || !width) return;
    const [low, high] = this.#range();
    const x = (i) => width - 4 - ((this.#rows.length - 1 - i) / (this.#span - 1)) * (width - 8);
    const y = (value) => height - 3 - ((value - low) / (high - low)) * (height - 6);
    if (low < 0 && high > 0) this.#rule(draw, y(0), width);
    if (this.lamp) this.#rule(draw, y(this.lamp), width, "amber");
    last.values.forEach((_, index) => this.#line(draw, index, x, y));
    this.#value.textContent = last.values.length === 1 ? written(last.values[0]) : "";
  }

  #range() {
    let low = this.floor ?? Infinity;
    let high = this.ceiling ?? this.reach ?? -Infinity;
    for (const { values, spread } of this.#rows) {
      values.forEach((value, i) => {
        const wide = spread?.[i] ?? 0;
        if (this.floor === undefined) low = Math.min(low, value - wide);
        if (this.ceiling === undefined) high = Math.max(high, value + wide);
      });
    }
    if (!(high - low > 1e-6)) return [low - 0.5, high + 0.5];
    return [low, high];
  }

  #rule(draw, at, width, token = "line") {
    draw.strokeStyle = colour(token);
    draw.setLineDash(token === "line" ? [] : [3, 4]);
    draw.lineWidth = 1;
    draw.beginPath();
    draw.moveTo(0, Math.round(at) + 0.5);
    draw.lineTo(width, Math.round(at) + 0.5);
    draw.stroke();
    draw.setLineDash([]);
  }

  #line(draw, index, x, y) {
    const rows = this.#rows;
    const tone = colour(this.tone ?? toneOf(index));
    if (rows.at(-1).spread) this.#band(draw, index, x, y, tone);
    draw.strokeStyle = tone;
    draw.lineWidth = 1.6;
    draw.lineJoin = "round";
    draw.beginPath();
    rows.forEach((row, i) => draw.lineTo(x(i), y(row.values[index] ?? 0)));
    draw.stroke();
    if (rows.at(-1).values.length === 1) this.#shade(draw, x, tone);
    draw.fillStyle = tone;
    draw.beginPath();
    draw.arc(x(rows.length - 1), y(rows.at(-1).values[index]), 2.4, 0, 7);
    draw.fill();
  }

  /** Fill what the pen just drew down to the floor. */
  #shade(draw, x, tone) {
    draw.lineTo(x(this.#rows.length - 1), draw.canvas.height);
    draw.lineTo(x(0), draw.canvas.height);
    draw.fillStyle = tone;
    draw.globalAlpha = 0.12;
    draw.fill();
    draw.globalAlpha = 1;
  }

  #band(draw, index, x, y, tone) {
    draw.fillStyle = tone;
    draw.globalAlpha = 0.18;
    draw.beginPath();
    this.#rows.forEach((row, i) =>
      draw.lineTo(x(i), y(row.values[index] + (row.spread?.[index] ?? 0))),
    );
    [...this.#rows.keys()].reverse().forEach((i) => {
      const row = this.#rows[i];
      draw.lineTo(x(i), y(row.values[index] - (row.spread?.[index] ?? 0)));
    });
    draw.fill();
    draw.globalAlpha = 1;
  }
}

export function written(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}
