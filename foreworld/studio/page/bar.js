// The header while one plays: the world's name and model, the lamp, frames a second.

import { element } from "./element.js";
import { Hud } from "./hud.js";
import { TrustLamp, zoneOf } from "./trust.js";

export class Bar {
  #horizon = null;

  /** `nodes` are the parts of the header: {world, trust, hud}. */
  constructor(nodes) {
    this.nodes = nodes;
    this.hud = new Hud(nodes.hud);
    this.lamp = new TrustLamp(nodes.trust);
  }

  fit(welcome) {
    const { world, trust } = this.nodes;
    this.#horizon = welcome.trust?.horizon ?? null;
    world.replaceChildren(element("b", {}, welcome.title), element("span", {}, inWords(welcome)));
    world.hidden = trust.hidden = false;
    document.title = `${welcome.title} · Foreworld studio`;
  }

  /** "good", "amber", "bad" or "none": how far the dream of a frame is to be believed. */
  zone({ since_observed: since, surprise }) {
    return zoneOf(since, this.#horizon, surprise);
  }

  show(frame) {
    this.lamp.show(this.zone(frame), frame.since_observed, this.#horizon, frame.surprise);
  }

  close() {
    this.hud.close();
    this.nodes.world.hidden = this.nodes.trust.hidden = true;
  }
}

function inWords({ family, model, parameters }) {
  const size = !parameters
    ? ""
    : parameters < 1e5
      ? `${(parameters / 1e3).toFixed(0)} k`
      : `${(parameters / 1e6).toFixed(1)} M`;
  return [family, size, model?.slice(0, 8)].filter(Boolean).join(" · ");
}
