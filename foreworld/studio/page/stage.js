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
    dream: new Screen(NAMES.dream, "branch-0"),
    other: new Screen(NAMES.other, "branch-1"),
    truth: new Screen(NAMES.truth, "good"),
    difference: new Screen(NAMES.difference, "amber"),
  };
  #tabs = element("div", {
    class: "group tabs",
    role: "radiogroup",
    "aria-label": "Which picture",
  });
  #row = element("div", { class: "screens" });
  #only = NARROW.matches ? "dream" : null; // the one picture that is shown alone
  #vectors = null;
  #newest = 0;

  /** `runAlong` asks for the simulator where it is not attached. */
  constructor(tree, runAlong) {
    Object.assign(this, { tree, runAlong });
    this.node = element(
      "section",
      { id: "stage", tabindex: "-1", "aria-label": "Pictures" },
      this.#tabs,
      this.#row,
    );
    this.#row.append(...Object.values(this.#screens).map((screen) => screen.node));
    for (const [name, screen] of Object.entries(this.#screens))
      screen.wide.onclick = () => this.choose(name);
    NARROW.addEventListener("change", () => {
      this.#only = null;
      this.arrange();
    });
  }

  fit(welcome) {
    const pictured = Object.keys(welcome.images).length > 0;
    this.#vectors = pictured ? null : new VectorPicture(welcome.heads);
    this.possible = [
      "dream",
      ...(welcome.truth.possible ? ["truth"] : []),
      ...(welcome.truth.possible && pictured ? ["difference"] : []),
    ];
    this.#tabs.replaceChildren(
      ...this.possible.map((name) =>
        element(
          "button",
          {
            role: "radio",
            "data-screen": name,
            onclick: () => this.choose(name),
          },
          NAMES[name],
        ),
      ),
    );
    this.arrange();
  }

  /** Show this picture alone; on a wide screen, where it is alone already, all of them again. */
  choose(name) {
    this.#only = this.#only === name && !NARROW.matches ? null : name;
    this.arrange();
  }

  arrange(beside = !this.#screens.other.node.hidden) {
    if (NARROW.matches) this.#only ??= "dream";
    const seen = this.possible.filter((name) => !this.#only || name === this.#only);
    if (beside && !this.#only) seen.splice(1, 0, "other");
    for (const [name, screen] of Object.entries(this.#screens)) {
      screen.node.hidden = !seen.includes(name);
      screen.wide.setAttribute("aria-pressed", String(name === this.#only));
    }
    for (const tab of this.#tabs.children)
      tab.setAttribute("aria-checked", String(tab.dataset.screen === this.#only));
    this.#row.style.setProperty("--n", seen.length);
  }

  /** Decode and paint a frame; a newer one that was ready first wins. Gives whether it was painted.
   * `inWords` has the captions say so as well: not at every frame, for laying out text costs more than the picture. */
  async show(frame, inWords) {
    const order = ++this.#newest;
    const other = this.tree.other(frame.branch, frame.frame);
    const [dream, truth, before] = await Promise.all([
      frame.dreamPicture ? picture(frame.dreamPicture, frame.raw) : this.#vectors?.bitmap(frame),
      frame.truthPicture && picture(frame.truthPicture, frame.raw),
      other && markPicture(other.marks.get(frame.frame)),
    ]);
    if (order < this.#newest) return false;
    this.#paint(frame, dream, truth, inWords);
    this.#beside(before, other);
    for (const bitmap of [dream, truth, before]) bitmap?.close?.();
    return true;
  }

  #paint(frame, dream, truth, inWords) {
    const { dream: left, truth: middle, difference: right } = this.#screens;
    const comparing =
      Boolean(dream && truth) &&
      !right.node.hidden &&
      dream.width === truth.width &&
      dream.height === truth.height;
    const imagined = dream && left.paint(dream, comparing);
    const shown = truth && middle.paint(truth, comparing);
    const wrong = comparing ? embers(imagined, shown, right) : null;
    if (inWords) this.#say(frame, dream, truth, wrong);
  }

  #say(frame, dream, truth, wrong) {
    const { dream: left, truth: middle, difference: right } = this.#screens;
    left.empty(...(dream ? [] : ["This model draws no pictures."]));
    left.note(frame.since_observed ? `${frame.since_observed} steps old` : "just looked");
    left.describe(`frame ${frame.frame}, ${frame.since_observed} steps since the world was seen`);
    middle.empty(...(truth ? [] : this.#why(frame)));
    middle.note(frame.truthEnded ? "ended" : "simulator");
    right.empty(...(truth ? [] : ["Nothing to compare with."]));
    if (wrong === null) return;
    right.note(`${wrong} % per pixel`);
    right.describe(`${wrong} per cent wrong per pixel`);
  }

  #why(frame) {
    if (frame.truthEnded) return ["The world ended here."];
    if (frame.truth) return ["The world has no picture to show."];
    return [
      "The world does not run along.",
      element("button", { onclick: this.runAlong }, "Run it along"),
    ];
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

/** Paint what differs; gives how much, in per cent of full contrast. */
function embers(imagined, shown, screen) {
  const glow = new ImageData(imagined.width, imagined.height);
  const wrong = difference(imagined, shown, glow);
  screen.paint(glow);
  return ((wrong / 255) * 100).toFixed(1);
}

function markPicture({ bytes, raw }) {
  return bytes && picture(bytes, raw);
}
