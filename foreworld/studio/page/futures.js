// The fan of futures: what the planner weighed, best first; each one can be stepped into.

import { element, icon } from "./element.js";
import { written } from "./curve.js";

export class Futures {
  #list = element("div", { class: "futures" });
  #words = element("p", { class: "map-words" }, "Ask the planner what it would do from here.");

  /** `ask` asks the server for a plan; `take` plays a candidate on a branch of its own. */
  constructor(map, ask, take) {
    this.map = map;
    this.take = take;
    this.button = element(
      "button",
      { "data-command": "plan", title: "Ask the planner", onclick: ask },
      icon("fan"),
      "Futures",
    );
    this.node = element(
      "section",
      { class: "panel", "aria-label": "Latent map and the planner's futures" },
      element("header", {}, element("h2", {}, "Latent map"), this.button),
      map.node,
      this.#words,
      this.#list,
    );
  }

  fit({ planner }) {
    this.clear();
    this.button.hidden = !planner;
    if (!planner) this.#words.textContent = "";
  }

  show(plan) {
    this.map.futures = plan.candidates
      .filter((each) => each.points?.length)
      .map((each) => ({
        points: each.points,
        score: each.score,
        chosen: each === plan.candidates[plan.chosen],
      }));
    this.#words.textContent = `${plan.planner} looked ${plan.horizon} steps ahead; step into one of its futures:`;
    this.#list.replaceChildren(
      ...plan.candidates.map((each, i) => this.#card(each, i, i === plan.chosen)),
    );
    this.map.draw();
  }

  clear() {
    this.map.futures = [];
    this.#list.replaceChildren();
    this.#words.textContent = "Ask the planner what it would do from here.";
  }

  #card(candidate, index, chosen) {
    const image =
      candidate.image &&
      element("img", { src: `data:image/jpeg;base64,${candidate.image}`, alt: "" });
    return element(
      "button",
      {
        class: `future${chosen ? " chosen" : ""}`,
        onclick: () => this.take(candidate, index),
        "aria-label": `Future ${index + 1}, score ${written(candidate.score)}${chosen ? ", chosen" : ""}: step into it`,
      },
      image,
      element("span", {}, written(candidate.score)),
    );
  }
}
