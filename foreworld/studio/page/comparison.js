// Two branches weighed against each other: imagined again with the same chance for both, so that only the keys differ.

import { element, icon } from "./element.js";
import { Curve, written } from "./curve.js";

export class Comparison {
  #body = element("div", { class: "comparison" });

  /** `ask` has the branch that is played compared with the one it forked from. */
  constructor(ask) {
    this.button = element(
      "button",
      {
        "data-command": "compare",
        title: "Compare this branch with the one it left",
        onclick: ask,
      },
      icon("compare"),
      "Compare",
    );
    this.node = element(
      "section",
      { class: "panel", "aria-label": "Comparison of branches" },
      element("header", {}, element("h2", {}, "What if"), this.button),
      this.#body,
    );
    this.invite();
  }

  invite() {
    this.#body.replaceChildren(
      element(
        "p",
        { class: "map-words" },
        "Fork with one of the “what if” keys, then compare: both branches are imagined again with the same chance.",
      ),
    );
  }

  /** `names` are the two branches in words. */
  show({ heads, divergence, h, n }, names) {
    const rows = Object.entries(heads).map(([head, { totals, difference }]) =>
      verdict(head, totals, difference),
    );
    const apart = new Curve("Apart", { tone: "branch-1", floor: 0 });
    divergence.forEach((value) => apart.push([value]));
    this.#body.replaceChildren(
      element(
        "p",
        {},
        element("b", { class: "second" }, names[1]),
        " against ",
        element("b", { class: "first" }, names[0]),
      ),
      ...rows,
      apart.node,
      element(
        "p",
        { class: "map-words" },
        `${h} steps, ${n} pairs of dreams; bars are 95 % intervals.`,
      ),
    );
    apart.stretch(divergence.length);
    apart.draw();
    this.node.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}

function verdict(head, [before, after], { mean, low, high }) {
  const ends = [Math.min(0, low), Math.max(0, high)];
  const room = (ends[1] - ends[0]) * 0.12 || 1;
  const share = (value) => ((value - ends[0] + room) / (ends[1] - ends[0] + 2 * room)) * 100;
  const tone = low > 0 ? "good" : high < 0 ? "bad" : "soft";
  const bar = element("i", {
    style: `left: ${share(low)}%; width: ${Math.max(1, share(high) - share(low))}%`,
  });
  const dot = element("em", { style: `left: ${share(mean)}%` });
  const zero = element("u", { style: `left: ${share(0)}%` });
  return element(
    "div",
    { class: `verdict ${tone}` },
    element("span", {}, head),
    element("b", {}, `${mean > 0 ? "+" : ""}${written(mean)}`),
    element("div", { class: "interval" }, zero, bar, dot),
    element(
      "small",
      {},
      `${written(before)} → ${written(after)}, [${written(low)}, ${written(high)}]`,
    ),
  );
}
