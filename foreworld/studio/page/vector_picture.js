// A picture for worlds without pictures: every number of every vector on a line, the dream as a dot, the truth as a ring.

import { colour } from "./theme.js";

const SIDE = 480;
const MOST_ROWS = 24;

export class VectorPicture {
  #canvas = new OffscreenCanvas(SIDE, SIDE);
  #ranges = new Map();

  constructor(heads) {
    this.rows = Object.entries(heads)
      .filter(([, head]) => head.kind === "vector")
      .flatMap(([head, { names, size }]) =>
        Array.from({ length: size }, (_, i) => ({ head, i, name: names?.[i] ?? `${head} ${i}` })),
      )
      .slice(0, MOST_ROWS);
  }

  /** The heads of a frame, drawn; nothing where the model foretells no vector. */
  async bitmap(frame) {
    if (!this.rows.length) return null;
    const draw = this.#canvas.getContext("2d");
    draw.fillStyle = colour("well");
    draw.fillRect(0, 0, SIDE, SIDE);
    this.rows.forEach((row, at) =>
      this.#row(draw, row, ((at + 0.5) * SIDE) / this.rows.length, frame),
    );
    return createImageBitmap(this.#canvas);
  }

  #row(draw, { head, i, name }, y, frame) {
    const values = [frame.heads?.[head]?.[i], frame.truth?.[head]?.[i]];
    const range = this.#ranges.get(name) ?? [-1, 1];
    for (const value of values.filter(Number.isFinite)) {
      range[0] = Math.min(range[0], value);
      range[1] = Math.max(range[1], value);
    }
    this.#ranges.set(name, range);
    const x = (value) => 150 + ((value - range[0]) / (range[1] - range[0])) * (SIDE - 180);
    draw.strokeStyle = colour("line");
    draw.lineWidth = 2;
    draw.beginPath();
    draw.moveTo(150, y);
    draw.lineTo(SIDE - 30, y);
    draw.stroke();
    draw.fillStyle = colour("soft");
    draw.font = "15px system-ui, sans-serif";
    draw.fillText(name, 14, y + 5, 126);
    this.#mark(draw, x, y, values);
  }

  #mark(draw, x, y, [dream, truth]) {
    if (Number.isFinite(truth)) {
      draw.strokeStyle = colour("good");
      draw.beginPath();
      draw.arc(x(truth), y, 8, 0, 7);
      draw.stroke();
    }
    if (!Number.isFinite(dream)) return;
    draw.fillStyle = colour("branch-0");
    draw.beginPath();
    draw.arc(x(dream), y, 5, 0, 7);
    draw.fill();
  }
}
