// The stage: dream, truth and difference side by side, and beside a fork the branch it left.

import { element } from "./element.js";
import { picture } from "./frame.js";
import { difference } from "./difference.js";
import { Screen } from "./screen.js";
import { VectorPicture } from "./vector_picture.js";

const NARROW = matchMedia("(max-width: 760px)");
const NAMES = { dream: "Dream", truth: "Truth", difference: "Difference", other: "What was" };

export class Stage {
  #screens = {
    dream: new Screen(NAMES.dream, "branch-0"), truth: new Screen(NAMES.truth, "good"),
    difference: new Screen(NAMES.difference, "amber"), other: new Screen(NAMES.other, "branch-1"),
  };
  #tabs = element("div", { class: "group tabs", role: "radiogroup", "aria-label": "Which picture" });
  #row = element("div", { class: "screens" });
  #only = "dream"; // what a narrow screen shows
  #hidden = new Set();
  #vectors = null;
  #newest = 0;

  /** `runAlong` asks for the simulator where it is not attached. */
  constructor(tree, runAlong) {
    Object.assign(this, { tree, runAlong });
    this.node = element("section", { id: "stage", tabindex: "-1", "aria-label": "Pictures" }, this.#tabs, this.#row);
    this.#row.append(...Object.values(this.#screens).map((screen) => screen.node));
    NARROW.addEventListener("change", () => this.arrange());
  }

  fit(welcome) {
    const pictured = Object.keys(welcome.images).length > 0;
    this.#vectors = pictured ? null : new VectorPicture(welcome.heads);
    this.possible = ["dream", ...(welcome.truth.possible ? ["truth"] : []),
      ...(welcome.truth.possible && pictured ? ["difference"] : [])];
    this.#tabs.replaceChildren(...this.possible.map((name) => element("button", {
      role: "radio", "data-screen": name, onclick: () => this.choose(name),
    }, NAMES[name])));
    this.arrange();
  }

  /** On a narrow screen show this picture alone; on a wide one hide or show it. */
  choose(name) {
    if (NARROW.matches) this.#only = name;
    else if (this.#hidden.has(name)) this.#hidden.delete(name);
    else if (this.#hidden.size < this.possible.length - 1) this.#hidden.add(name);
    this.arrange();
  }

  arrange(beside = !this.#screens.other.node.hidden) {
    const seen = this.possible.filter((name) => (NARROW.matches ? name === this.#only : !this.#hidden.has(name)));
    if (beside && seen.includes("dream") && !NARROW.matches) seen.splice(1, 0, "other");
    for (const [name, screen] of Object.entries(this.#screens)) screen.node.hidden = !seen.includes(name);
    for (const tab of this.#tabs.children) tab.setAttribute("aria-checked", String(seen.includes(tab.dataset.screen)));
    this.#row.style.setProperty("--n", seen.length);
    this.#row.dataset.count = seen.length;
  }

  /** Decode and paint a frame; a newer one that was ready first wins. Gives whether it was painted. */
  async show(frame) {
    const order = ++this.#newest;
    const other = this.tree.other(frame.branch, frame.frame);
    const [dream, truth, before] = await Promise.all([
      frame.dreamPicture ? picture(frame.dreamPicture, frame.raw) : this.#vectors?.bitmap(frame),
      frame.truthPicture && picture(frame.truthPicture, frame.raw),
      other && markPicture(other.marks.get(frame.frame)),
    ]);
    if (order < this.#newest) return false;
    this.#paint(frame, dream, truth);
    this.#beside(before, other);
    for (const bitmap of [dream, truth, before]) bitmap?.close();
    return true;
  }

  #paint(frame, dream, truth) {
    const { dream: left, truth: middle, difference: right } = this.#screens;
    const comparing = Boolean(dream && truth) && !right.node.hidden && dream.width === truth.width && dream.height === truth.height;
    const imagined = dream && left.paint(dream, comparing);
    left.empty(...(dream ? [] : ["This model draws no pictures."]));
    left.note(frame.since_observed ? `${frame.since_observed} steps old` : "just looked");
    left.describe(`frame ${frame.frame}, ${frame.since_observed} steps since the world was seen`);
    middle.empty(...(truth ? [] : this.#why(frame)));
    right.empty(...(truth ? [] : ["Nothing to compare with."]));
    if (truth) {
      const shown = middle.paint(truth, comparing);
      middle.note(frame.truthEnded ? "ended" : "simulator");
      if (comparing) this.#embers(imagined, shown, right);
    }
  }

  #why(frame) {
    if (frame.truthEnded) return ["The world ended here."];
    if (frame.truth) return ["The world has no picture to show."];
    return ["The world does not run along.", element("button", { onclick: this.runAlong }, "Run it along")];
  }

  #embers(imagined, shown, screen) {
    const glow = new ImageData(imagined.width, imagined.height);
    const wrong = difference(imagined, shown, glow);
    screen.put(glow);
    screen.note(`${((wrong / 255) * 100).toFixed(1)} % per pixel`);
    screen.describe(`${((wrong / 255) * 100).toFixed(1)} per cent wrong per pixel`);
  }

  #beside(bitmap, branch) {
    const screen = this.#screens.other;
    if (bitmap) {
      screen.paint(bitmap);
      screen.note(branch.label || `branch ${branch.id}`);
    }
    if (Boolean(bitmap) === screen.node.hidden) this.arrange(Boolean(bitmap));
  }
}

function markPicture(mark) {
  return mark?.picture && createImageBitmap(mark.picture);
}
