// Lines over a common axis: one a run, the value under the pointer in words.

import { element, fitted } from "./element.js";
import { colour } from "./theme.js";

const LEFT = 52;
const BELOW = 18;

export class Plot {
  #canvas = element("canvas", { role: "img" });
  #value = element("output");
  #at = null;

  constructor(name) {
    this.name = name;
    this.lines = []; // [{tone, xs, ys}]
    this.node = element("figure", { class: "plot" }, element("figcaption", {}, name, this.#value), this.#canvas);
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#canvas.addEventListener("pointerleave", () => this.#point(null));
  }

  draw() {
    const { draw, width, height } = fitted(this.#canvas);
    const lines = this.lines.filter(({ xs }) => xs.length);
    if (!width || !lines.length) return;
    const [first, last] = ends(lines.flatMap(({ xs }) => [xs[0], xs.at(-1)]));
    const [low, high] = ends(lines.flatMap(({ ys }) => [least(ys), most(ys)]));
    this.x = (value) => LEFT + ((value - first) / (last - first)) * (width - LEFT - 6);
    this.back = (px) => first + ((px - LEFT) / (width - LEFT - 6)) * (last - first);
    const y = (value) => height - BELOW - ((value - low) / (high - low)) * (height - BELOW - 10);
    this.#axes(draw, width, height, y, [first, last, low, high]);
    for (const line of lines) this.#line(draw, line, y);
    this.#canvas.setAttribute("aria-label", `${this.name}, last ${lines.map(({ ys }) => brief(ys.at(-1))).join(", ")}`);
    this.#say(draw, lines, y);
  }

  #axes(draw, width, height, y, [first, last, low, high]) {
    draw.font = "11px system-ui, sans-serif";
    draw.fillStyle = colour("soft");
    draw.strokeStyle = colour("line");
    draw.lineWidth = 1;
    draw.textAlign = "right";
    for (const value of [low, (low + high) / 2, high]) {
      draw.fillText(brief(value), LEFT - 7, y(value) + 4);
      draw.beginPath();
      draw.moveTo(LEFT, Math.round(y(value)) + 0.5);
      draw.lineTo(width, Math.round(y(value)) + 0.5);
      draw.stroke();
    }
    draw.fillText(brief(last), width - 4, height - 3);
    draw.textAlign = "left";
    draw.fillText(brief(first), LEFT, height - 3);
  }

  #line(draw, { tone, xs, ys }, y) {
    draw.strokeStyle = draw.fillStyle = colour(tone);
    draw.lineWidth = 1.6;
    draw.lineJoin = "round";
    draw.beginPath();
    xs.forEach((value, i) => draw.lineTo(this.x(value), y(ys[i])));
    draw.stroke();
    draw.beginPath();
    draw.arc(this.x(xs.at(-1)), y(ys.at(-1)), 2.5, 0, 7);
    draw.fill();
  }

  #say(draw, lines, y) {
    if (this.#at === null) {
      this.#value.textContent = lines.map(({ ys }) => brief(ys.at(-1))).join("  ");
      return;
    }
    const wanted = this.back(this.#at);
    const near = lines.map(({ tone, xs, ys }) => ({ tone, i: nearest(xs, wanted), xs, ys }));
    for (const { tone, i, xs, ys } of near) {
      draw.fillStyle = colour(tone);
      draw.beginPath();
      draw.arc(this.x(xs[i]), y(ys[i]), 4, 0, 7);
      draw.fill();
    }
    this.#value.textContent = `${brief(near[0].xs[near[0].i])}: ${near.map(({ i, ys }) => brief(ys[i])).join("  ")}`;
  }

  #point(x) {
    this.#at = x;
    this.draw();
  }
}

const least = (values) => values.reduce((a, b) => Math.min(a, b));
const most = (values) => values.reduce((a, b) => Math.max(a, b));

function ends(values) {
  const [low, high] = [least(values), most(values)];
  return high - low > 1e-12 ? [low, high] : [low - 0.5, high + 0.5];
}

function nearest(xs, wanted) {
  let best = 0;
  xs.forEach((x, i) => {
    if (Math.abs(x - wanted) < Math.abs(xs[best] - wanted)) best = i;
  });
  return best;
}

/** A number in few letters. */
export function brief(value) {
  if (value === null || value === undefined) return "";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return value.toLocaleString("en").replace("-", "−");
  const size = Math.abs(value);
  const text = size >= 1e5 || (size && size < 1e-3) ? value.toExponential(1) : value.toPrecision(4);
  return String(text.includes("e") ? text : Number(text)).replace("-", "−");
}
