// The timeline: one lane a branch, forks as curves, surprise as a seismograph; point to look, click to go there.

import { element, fitted } from "./element.js";
import { picture } from "./frame.js";
import { colour, themeChanged } from "./theme.js";
import { toneOf } from "./curve.js";

const LANE_PX = 26;
const EDGE_PX = 14;
const TOP_PX = 22;
const WORRYING = new Set(["amber", "bad"]);
const LEAST_FRAMES = 240; // so that the first seconds do not race across

export class Timeline extends EventTarget {
  #canvas = element("canvas", {
    tabindex: "0",
    role: "slider",
    "aria-label": "Timeline: left and right look back, Enter goes there",
    "aria-valuemin": "0",
  });
  #peek = element(
    "figure",
    { class: "peek", hidden: true },
    element("canvas"),
    element("figcaption"),
  );
  #followed = 0;
  #pointed = null; // {branch, frame} under the pointer or the keyboard's cursor

  /** Fires "go" with detail {branch, frame}. */
  constructor(tree) {
    super();
    this.tree = tree;
    this.head = { branch: 0, frame: 0 };
    this.node = element(
      "div",
      { class: "timeline" },
      element("div", { class: "lanes" }, this.#canvas),
      this.#peek,
    );
    this.#canvas.addEventListener("pointermove", (event) => this.#point(this.#under(event)));
    this.#canvas.addEventListener("pointerleave", () => this.#point(null));
    this.#canvas.addEventListener("click", (event) => this.#go(this.#under(event)));
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#canvas.addEventListener("blur", () => this.#point(null));
    themeChanged.addEventListener("change", () => this.draw());
  }

  draw() {
    const lanes = Math.max(1, this.tree.branches.size);
    this.#canvas.style.height = `${TOP_PX + lanes * LANE_PX + 6}px`;
    const { draw, width } = fitted(this.#canvas);
    if (!width) return;
    this.#ticks(draw, width);
    for (const branch of this.tree.branches.values()) this.#lane(draw, width, branch);
    this.#head(draw, width);
    this.#follow();
    this.#canvas.setAttribute("aria-valuemax", String(this.tree.last));
    this.#canvas.setAttribute("aria-valuenow", String((this.#pointed ?? this.head).frame));
  }

  /** Scroll to the lane that is played, when it is another than before. */
  #follow() {
    const lane = this.tree.lane(this.head.branch);
    if (lane === this.#followed) return;
    this.#followed = lane;
    const lanes = this.#canvas.parentElement;
    lanes.scrollTop = TOP_PX + (lane + 1.5) * LANE_PX - lanes.clientHeight;
  }

  #x(frame, width) {
    const span = Math.max(LEAST_FRAMES, this.tree.last - this.#first);
    return EDGE_PX + ((frame - this.#first) / span) * (width - 2 * EDGE_PX);
  }

  get #first() {
    return Number.isFinite(this.tree.first) ? this.tree.first : 0;
  }

  #y(branch) {
    return TOP_PX + branch.lane * LANE_PX + LANE_PX / 2;
  }

  #ticks(draw, width) {
    const span = Math.max(LEAST_FRAMES, this.tree.last - this.#first);
    const every =
      [30, 60, 120, 300, 600, 1200, 3000, 6000].find((n) => (n / span) * width > 70) ?? 12000;
    draw.fillStyle = colour("soft");
    draw.strokeStyle = colour("line");
    draw.lineWidth = 1;
    draw.font = "11px system-ui, sans-serif";
    draw.textAlign = "center";
    for (let at = Math.ceil(this.#first / every) * every; at <= this.#first + span; at += every) {
      const x = Math.round(this.#x(at, width)) + 0.5;
      draw.fillText(String(at), Math.max(x, 8), 12);
      draw.beginPath();
      draw.moveTo(x, TOP_PX - 4);
      draw.lineTo(x, TOP_PX + Math.max(1, this.tree.branches.size) * LANE_PX);
      draw.stroke();
    }
  }

  #lane(draw, width, branch) {
    const y = this.#y(branch);
    const start = this.#x(branch.from, width);
    const end = this.#x(branch.last, width);
    const tone = colour(toneOf(branch.lane));
    const parent = this.tree.branches.get(branch.parent);
    draw.globalAlpha = branch.id === this.head.branch ? 1 : 0.55;
    draw.strokeStyle = tone;
    draw.lineCap = "round";
    draw.lineWidth = branch.id === this.head.branch ? 5 : 3;
    if (parent) {
      const above = this.#y(parent);
      draw.beginPath();
      draw.moveTo(start, above);
      draw.bezierCurveTo(start + 4, y, start - 2, y, start + 12, y);
      draw.stroke();
    }
    draw.beginPath();
    draw.moveTo(parent ? Math.min(start + 12, end) : start, y);
    draw.lineTo(Math.max(end, start + 1), y);
    draw.stroke();
    this.#tremor(draw, width, branch, y);
    draw.globalAlpha = 1;
    if (branch.label) this.#label(draw, branch.label, end + 12, y, width);
  }

  #tremor(draw, width, branch, y) {
    let last = -1;
    for (const [frame, mark] of branch.marks) {
      const x = Math.round(this.#x(frame, width));
      if (!WORRYING.has(mark.zone) || x === last) continue;
      last = x;
      draw.fillStyle = colour(mark.zone);
      draw.fillRect(x, y + 5, 1.5, mark.zone === "bad" ? 6 : 4);
    }
  }

  #label(draw, text, x, y, width) {
    draw.fillStyle = colour("soft");
    draw.font = "12px system-ui, sans-serif";
    const room = draw.measureText(text).width;
    draw.textAlign = x + room > width ? "right" : "left";
    draw.fillText(text, Math.min(x, width - 4), y + (x + room > width ? -6 : 4));
  }

  #head(draw, width) {
    const branch = this.tree.branches.get(this.head.branch);
    if (!branch) return;
    const x = this.#x(this.head.frame, width);
    draw.fillStyle = colour("ink");
    draw.strokeStyle = colour("card");
    draw.lineWidth = 2.5;
    draw.beginPath();
    draw.arc(x, this.#y(branch), 7, 0, 7);
    draw.fill();
    draw.stroke();
    if (this.#pointed) {
      const at = Math.round(this.#x(this.#pointed.frame, width)) + 0.5;
      draw.strokeStyle = colour("accent");
      draw.lineWidth = 1;
      draw.beginPath();
      draw.moveTo(at, 16);
      draw.lineTo(at, TOP_PX + this.tree.branches.size * LANE_PX);
      draw.stroke();
    }
  }

  #under(event) {
    const box = this.#canvas.getBoundingClientRect();
    const lane = Math.floor((event.clientY - box.top - TOP_PX) / LANE_PX);
    const branches = [...this.tree.branches.values()];
    const branch = branches[Math.max(0, Math.min(lane, branches.length - 1))];
    if (!branch) return null;
    const span = Math.max(LEAST_FRAMES, this.tree.last - this.#first);
    const share = (event.clientX - box.left - EDGE_PX) / (box.width - 2 * EDGE_PX);
    const frame = Math.round(this.#first + share * span);
    return { branch: branch.id, frame: Math.max(branch.from, Math.min(frame, branch.last)) };
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 }[event.key];
    const from = this.#pointed ?? this.head;
    if (step) {
      const branch = this.tree.branches.get(from.branch);
      const frame = Math.max(
        branch.from,
        Math.min(from.frame + step * (event.shiftKey ? 10 : 1), branch.last),
      );
      this.#point({ branch: from.branch, frame });
    } else if (event.key === "Enter") this.#go(this.#pointed);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(place) {
    if (place) this.dispatchEvent(new CustomEvent("go", { detail: place }));
  }

  #point(place) {
    this.#pointed = place;
    const mark = place && this.tree.at(place.branch, place.frame);
    this.#peek.hidden = !mark?.bytes;
    if (mark?.bytes) this.#show(place, mark);
    this.draw();
  }

  async #show(place, { bytes, raw }) {
    const [canvas, caption] = this.#peek.children;
    const shown = await picture(bytes, raw);
    Object.assign(canvas, { width: shown.width, height: shown.height });
    const draw = canvas.getContext("2d");
    if (shown instanceof ImageData) draw.putImageData(shown, 0, 0);
    else draw.drawImage(shown, 0, 0);
    caption.textContent = `frame ${place.frame}`;
    const width = this.#canvas.clientWidth;
    this.#peek.style.left = `${Math.max(50, Math.min(width - 50, this.#x(place.frame, width)))}px`;
  }
}
