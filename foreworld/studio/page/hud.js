// The corner: frames a second, and milliseconds from a key to the picture that obeys it.

import { element } from "./element.js";
import { Meter } from "./meter.js";

const EVERY_MS = 500;

export class Hud {
  meter = new Meter();
  #fps = element("b", {}, "–");
  #ms = element("b", {}, "–");
  #sent = new Map(); // seq -> when the keys were sent

  constructor(node) {
    this.node = node;
    node.replaceChildren(this.#fps, " fps  ", this.#ms, " ms");
    node.hidden = false;
    this.timer = setInterval(() => this.#write(), EVERY_MS);
  }

  close() {
    clearInterval(this.timer);
    this.node.hidden = true;
  }

  sent(seq) {
    this.#sent.set(seq, performance.now());
  }

  /** A frame that obeys `applied` was painted. */
  painted(applied, paused) {
    const now = performance.now();
    if (paused) this.meter.rest();
    else this.meter.painted(now);
    for (const [seq, then] of this.#sent) {
      if (seq > applied) continue;
      if (!paused) this.meter.answered(now - then);
      this.#sent.delete(seq);
    }
  }

  #write() {
    this.#fps.textContent = this.meter.fps.toFixed(0);
    this.#ms.textContent = this.meter.latency ? this.meter.latency.toFixed(0) : "–";
    this.node.title = `95 % of the frames come within ${this.meter.p95.toFixed(0)} ms of the one before`;
  }
}
