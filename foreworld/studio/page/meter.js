// Frames a second, how evenly they come, and how long a key takes to show: the figures in the corner.

const KEPT = 120;

export class Meter {
  #times = [];
  #pings = [];
  #gaps = [];

  /** A frame was painted at `now` in milliseconds. */
  painted(now) {
    const last = this.#times.at(-1);
    if (last !== undefined) keep(this.#gaps, now - last);
    keep(this.#times, now);
  }

  /** A key showed its effect `ms` after it went down. */
  answered(ms) {
    keep(this.#pings, ms);
  }

  /** Time stood still by wish (pause): the gap is nobody's fault. */
  rest() {
    this.#times.length = 0;
  }

  get fps() {
    const times = this.#times.slice(-49);
    const span = times.at(-1) - times[0];
    return span > 0 ? ((times.length - 1) * 1000) / span : 0;
  }

  get latency() {
    return median(this.#pings.slice(-9));
  }

  /** The 95th percentile of the gaps between frames, in milliseconds. */
  get p95() {
    const sorted = [...this.#gaps].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? 0;
  }
}

function keep(list, value) {
  list.push(value);
  if (list.length > KEPT) list.shift();
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
