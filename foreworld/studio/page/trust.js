// The lamp: how far beyond the last look at the world the dream is, against how far it was measured to hold.

import { element } from "./element.js";

const NEAR_EDGE = 0.75; // of the trust horizon: amber from here to its end, red beyond
const SURPRISE = [0.25, 0.5]; // of the distance between unrelated instants: amber from the first, red from the second
const SHOWN = 1.5; // horizons across the gauge
const ZONES = ["good", "amber", "bad"];
const WORDS = {
  good: "Trusted",
  amber: "Near the edge",
  bad: "Beyond trust",
  none: "Not measured",
};

/** "good", "amber" or "bad", the worse of what the report and the truth say; "none" where neither speaks. */
export function zoneOf(since, horizon, surprise) {
  const ranks = [];
  if (typeof horizon === "number") ranks.push(rank(since, [horizon * NEAR_EDGE, horizon]));
  if (typeof surprise === "number") ranks.push(rank(surprise, SURPRISE));
  return ranks.length ? ZONES[Math.max(...ranks)] : "none";
}

function rank(value, [amber, red]) {
  return value > red ? 2 : value > amber ? 1 : 0;
}

export class TrustLamp {
  #words = element("output", { "aria-live": "polite" });
  #far = element("span", { class: "far" });
  #gauge = element("div", { class: "gauge", role: "img" });

  constructor(node) {
    this.node = node;
    delete node.dataset.zone;
    node.replaceChildren(element("span", { class: "lamp" }), this.#words, this.#gauge, this.#far);
  }

  show(zone, since, horizon, surprise) {
    if (this.node.dataset.zone !== zone) {
      this.node.dataset.zone = zone;
      this.#words.textContent = WORDS[zone];
    }
    const measured = typeof horizon === "number";
    this.#gauge.hidden = !measured;
    const text = !measured
      ? "no report"
      : horizon
        ? `${since} of ${horizon} steps`
        : "none of its steps is trusted";
    if (this.#far.textContent !== text) this.#far.textContent = text;
    this.node.title = words(since, horizon, surprise);
    if (!measured) return;
    const at = horizon ? Math.min(1, since / (SHOWN * horizon)) : 1;
    this.#gauge.style.setProperty("--at", at.toFixed(3));
    this.#gauge.setAttribute(
      "aria-label",
      `${since} steps since the world was seen, of ${horizon} measured to hold`,
    );
  }
}

function words(since, horizon, surprise) {
  const report =
    typeof horizon === "number"
      ? `The trust report measured dreams to hold for ${horizon} steps; this one is ${since} steps old.`
      : `No trust report lies beside this run; the dream is ${since} steps old.`;
  const truth =
    typeof surprise === "number"
      ? ` Its distance from the truth now: ${surprise.toFixed(2)} (1: unrelated).`
      : "";
  return report + truth;
}
