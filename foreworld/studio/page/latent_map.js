// The latent map: where the model thinks it is, on the plane in which its states differ most.

import { element, fitted } from "./element.js";
import { colour, themeChanged } from "./theme.js";
import { toneOf } from "./curve.js";

const KEPT = 400;

export class LatentMap {
  #paths = new Map(); // branch -> [[x, y], ...]
  #canvas = element("canvas", {
    role: "img",
    "aria-label": "Map of the model's states with the path walked so far",
  });
  #middle = [0, 0];
  #reach = 1e-3;
  #truth = null;

  constructor(tree) {
    this.tree = tree;
    this.futures = []; // [{points: [[x, y], ...], score, chosen}]
    this.current = 0;
    this.node = element("div", { class: "map" }, this.#canvas);
    themeChanged.addEventListener("change", () => this.draw());
  }

  /** Take the range of the plane from the server's welcome. */
  fit({ map }) {
    this.clear();
    if (!map) return;
    this.#middle = [(map.x[0] + map.x[1]) / 2, (map.y[0] + map.y[1]) / 2];
    this.#reach = Math.max(map.x[1] - map.x[0], map.y[1] - map.y[0]) / 2;
  }

  push({ branch, point, truth_point: truth }) {
    if (!point) return;
    const path = this.#paths.get(branch) ?? [];
    if (!this.#paths.has(branch)) this.#paths.set(branch, path);
    path.push(point);
    if (path.length > KEPT) path.shift();
    this.#reach = Math.max(this.#reach, this.#away(point));
    this.#truth = truth;
    this.current = branch;
  }

  clear() {
    this.#paths.clear();
    this.futures = [];
    this.#truth = null;
  }

  draw() {
    const { draw, width, height } = fitted(this.#canvas);
    if (!width) return;
    const scale = (Math.min(width, height) / 2 - 10) / this.#span();
    const [left, low] = this.#middle;
    const place = ([x, y]) => [width / 2 + (x - left) * scale, height / 2 - (y - low) * scale];
    this.#grid(draw, width, height);
    for (const [branch, path] of this.#paths) this.#path(draw, branch, path, place);
    this.#fan(draw, place);
    const here = this.#paths.get(this.current)?.at(-1);
    if (here && this.#truth) this.#apart(draw, place(here), place(this.#truth));
    if (here) this.#here(draw, place(here));
  }

  #away([x, y]) {
    return Math.max(Math.abs(x - this.#middle[0]), Math.abs(y - this.#middle[1]));
  }

  #span() {
    const ends = this.futures.flatMap((future) => future.points).map((point) => this.#away(point));
    return Math.max(this.#reach, ...ends);
  }

  #grid(draw, width, height) {
    draw.strokeStyle = colour("line");
    draw.lineWidth = 1;
    const step = Math.min(width, height) / 6;
    draw.beginPath();
    for (let x = (width / 2) % step; x < width; x += step) {
      draw.moveTo(Math.round(x) + 0.5, 0);
      draw.lineTo(Math.round(x) + 0.5, height);
    }
    for (let y = (height / 2) % step; y < height; y += step) {
      draw.moveTo(0, Math.round(y) + 0.5);
      draw.lineTo(width, Math.round(y) + 0.5);
    }
    draw.stroke();
  }

  #path(draw, branch, path, place) {
    const tone = colour(toneOf(this.tree.lane(branch)));
    draw.strokeStyle = tone;
    draw.lineJoin = "round";
    draw.lineWidth = 1.8;
    const pieces = 8; // older stretches fade
    for (let piece = 0; piece < pieces; piece++) {
      const from = Math.floor((piece * path.length) / pieces);
      const to = Math.floor(((piece + 1) * path.length) / pieces) + 1;
      draw.globalAlpha = ((piece + 1) / pieces) * (branch === this.current ? 0.95 : 0.4);
      draw.beginPath();
      path.slice(from, to).forEach((point) => draw.lineTo(...place(point)));
      draw.stroke();
    }
    draw.globalAlpha = 1;
  }

  #fan(draw, place) {
    const scores = this.futures.map((future) => future.score);
    const low = Math.min(...scores);
    const high = Math.max(...scores);
    const ordered = [...this.futures].sort((a, b) =>
      a.chosen ? 1 : b.chosen ? -1 : a.score - b.score,
    );
    for (const future of ordered) {
      const good = high > low ? (future.score - low) / (high - low) : 0.5;
      draw.strokeStyle = future.chosen ? colour("good") : colour("accent");
      draw.globalAlpha = future.chosen ? 1 : 0.2 + 0.5 * good;
      draw.lineWidth = future.chosen ? 2.6 : 1.2;
      draw.beginPath();
      future.points.forEach((point) => draw.lineTo(...place(point)));
      draw.stroke();
    }
    draw.globalAlpha = 1;
  }

  #apart(draw, [x, y], [trueX, trueY]) {
    draw.strokeStyle = colour("good");
    draw.lineWidth = 1.6;
    draw.setLineDash([2, 3]);
    draw.beginPath();
    draw.moveTo(x, y);
    draw.lineTo(trueX, trueY);
    draw.stroke();
    draw.setLineDash([]);
    draw.beginPath();
    draw.arc(trueX, trueY, 5, 0, 7);
    draw.stroke();
  }

  #here(draw, [x, y]) {
    draw.fillStyle = colour("accent");
    draw.globalAlpha = 0.22;
    draw.beginPath();
    draw.arc(x, y, 10, 0, 7);
    draw.fill();
    draw.globalAlpha = 1;
    draw.fillStyle = colour("ink");
    draw.beginPath();
    draw.arc(x, y, 4, 0, 7);
    draw.fill();
  }
}
