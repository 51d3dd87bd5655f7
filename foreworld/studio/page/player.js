// The view in which one plays: joins the session with the stage, the instruments, the controls and the hands.

import { isHere, remember } from "./address.js";
import { Bar } from "./bar.js";
import { Commands } from "./commands.js";
import { Comparison } from "./comparison.js";
import { Controls } from "./controls.js";
import { element } from "./element.js";
import { Futures } from "./futures.js";
import { Gamepad } from "./gamepad.js";
import { Hands } from "./hands.js";
import { Heads } from "./heads.js";
import { mountKeyboard } from "./keyboard.js";
import { LatentMap } from "./latent_map.js";
import { Session } from "./session.js";
import { shortcuts } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { Steering } from "./steering.js";
import { Timeline } from "./timeline.js";
import { complain, say } from "./toast.js";
import { Tree } from "./tree.js";
import { Veil } from "./veil.js";
import { WhatIf } from "./whatif.js";

const WORDS_EVERY = 4; // frames between two updates of curves and captions: eyes are on the picture

const ELSEWHERE = 4409; // the protocol's code for a session that was resumed by another connection

export class Player {
  #off = new AbortController();
  #obeyed = new Map(); // seq of keys -> the keys
  #keys = { taken: new Set(), byKey: {} };
  #painted = 0;
  #begun = false;

  /** `bar` are the nodes of the header, `hello` the fields of the first message, `leave` goes back to the gallery. */
  constructor(root, bar, help, hello, leave) {
    Object.assign(this, { root, help, leave, bar: new Bar(bar) });
    this.session = new Session({ ...hello, encoding: isHere() ? "raw" : "jpeg" });
    this.state = { paused: true };
    this.frame = null;
    this.tree = new Tree();
    this.hands = new Hands();
    this.#build();
    this.#listen();
    this.session.open();
  }

  close() {
    this.#off.abort();
    this.session.close();
    this.bar.close();
    this.root.replaceChildren();
  }

  #build() {
    const commands = (this.commands = new Commands(this.session, () => this, {
      plan: (plan) => this.futures.show(plan),
      comparison: (comparison) =>
        this.comparison.show(
          comparison,
          comparison.branches.map((id) => this.#named(id)),
        ),
    }));
    this.stage = new Stage(this.tree, commands.truth);
    this.timeline = new Timeline(this.tree);
    this.heads = new Heads();
    this.map = new LatentMap(this.tree);
    this.controls = new Controls(commands);
    this.steering = new Steering(this.hands, (a) => this.#lean(a));
    this.whatIf = new WhatIf(this.hands, commands.fork);
    this.futures = new Futures(this.map, commands.plan, (each, i) =>
      commands.take(each, `future ${i + 1}`),
    );
    this.comparison = new Comparison(commands.compare);
    this.veil = new Veil();
    this.pad = new Gamepad(this.hands, () => this.#keys.taken);
    this.stage.node.append(this.veil.node);
    this.root.replaceChildren(
      element(
        "div",
        { class: "left" },
        this.stage.node,
        this.controls.node,
        element("div", { class: "panel hands" }, this.steering.node, this.whatIf.node),
        element("section", { class: "panel", "aria-label": "Timeline" }, this.timeline.node),
      ),
      element(
        "aside",
        { class: "instruments", "aria-label": "Instruments" },
        this.heads.node,
        this.futures.node,
        this.comparison.node,
      ),
    );
  }

  #listen() {
    const { signal } = this.#off;
    const on = (name, run) =>
      this.session.addEventListener(name, ({ detail }) => run(detail), { signal });
    on("welcome", (welcome) => this.#fit(welcome));
    on("frame", (frame) => this.#show(frame));
    on("tree", (tree) => this.#grow(tree));
    on("state", (state) => this.#become(state));
    on("refused", (error) => this.#refused(error));
    on("away", () =>
      this.veil.show("The server is away", "Trying again; it keeps what was played."),
    );
    on("gone", (event) => this.#closed(event));
    this.hands.addEventListener("change", () => this.#hold(), { signal });
    this.timeline.addEventListener("go", ({ detail }) => this.#go(detail), { signal });
    addEventListener("resize", () => this.#instruments(), { signal });
    addEventListener("gamepadconnected", () => say("Gamepad found: its stick and buttons steer."), {
      signal,
    });
    document.addEventListener("visibilitychange", () => this.#looked(), { signal });
    mountKeyboard(this.hands, () => this.#keys, signal);
  }

  /** Nobody looks at a hidden tab: the dream waits rather than run out of what it can be trusted with. */
  #looked() {
    if (document.hidden && !this.state.paused && this.session.ready) this.commands.stop();
  }

  #fit(welcome) {
    const taken = new Set(welcome.keymap.flatMap(({ keys }) => keys));
    const own = {
      dream: () => this.stage.choose("dream"),
      actual: () => this.stage.choose("truth"),
      difference: () => this.stage.choose("difference"),
      help: () => this.help.toggle(),
    };
    const { byKey, words } = shortcuts({ ...this.commands, ...own }, taken);
    this.#keys = { taken, byKey };
    this.help.fill(
      welcome.keymap.map(({ keys, label }) => [keys, label]),
      words,
    );
    for (const part of [
      this.bar,
      this.stage,
      this.heads,
      this.map,
      this.controls,
      this.steering,
      this.whatIf,
      this.futures,
    ])
      part.fit(welcome);
    remember({ world: welcome.world, session: welcome.session });
    this.tree.sync(welcome.tree);
    this.#become({
      ...welcome,
      truth: welcome.truth.attached,
      recording: welcome.recording ?? null,
    });
    if (this.#begun || !welcome.paused) this.veil.lift();
    else
      this.veil.show("Step in", "Press Space, or any key of the world.", [
        "Play",
        "play",
        this.commands.play,
      ]);
  }

  async #show(frame) {
    if (this.frame && frame.node !== this.frame.node) this.#begin(); // by steps too, without play
    this.frame = frame;
    const zone = this.bar.zone(frame);
    const { node, raw } = frame;
    this.tree.put(frame.branch, frame.frame, {
      node,
      zone,
      raw,
      bytes: frame.dreamPicture?.slice(),
    });
    this.heads.push(frame);
    this.map.push(frame);
    const inWords = frame.paused || this.#painted++ % WORDS_EVERY === 0;
    if (!(await this.stage.show(frame, inWords))) return;
    this.bar.hud.painted(frame.applied, frame.paused);
    this.whatIf.passed(frame);
    this.pad.poll();
    this.#applied(frame.applied);
    if (inWords) this.#instruments();
    if (frame.ended && frame.paused) this.#ended();
  }

  #instruments() {
    if (this.frame) {
      this.timeline.head = { branch: this.frame.branch, frame: this.frame.frame };
      this.bar.show(this.frame);
    }
    this.timeline.draw();
    this.heads.draw();
    this.map.draw();
  }

  #grow(message) {
    this.tree.sync(message);
    this.timeline.draw();
    const parent = this.tree.branches.get(message.branch)?.parent ?? null;
    this.comparison.button.disabled = parent === null;
  }

  #become(state) {
    this.state = { ...this.state, ...state };
    this.controls.show(this.state);
    if (!this.state.paused) this.#begin();
    else if (this.frame) this.#rest();
  }

  /** The last frame before a pause came without words: say them now. */
  #rest() {
    this.stage.show(this.frame, true);
    this.#instruments();
  }

  #begin() {
    this.#begun = true;
    this.veil.lift();
  }

  #closed({ code, reason }) {
    if (code === ELSEWHERE) {
      this.veil.show("Played in another window", "A session is played in one place at a time.", [
        "Play here",
        "play",
        () => this.session.open(),
      ]);
    } else if (code > 4000) this.veil.show("The server closed the door", reason);
  }

  #ended() {
    this.veil.show(
      "It ends here",
      "The model foretells that the episode is over.",
      [
        "Start again",
        "reset",
        () => {
          this.veil.lift();
          this.commands.reset();
        },
      ],
      [
        "Back a second",
        "rewind",
        () => {
          this.veil.lift();
          this.commands.rewind();
        },
      ],
    );
  }

  #refused({ code, msg, fix }) {
    complain(msg, fix);
    if (!this.session.welcome)
      this.veil.show("This world cannot be entered", msg, ["All worlds", "reset", this.leave]);
    else if (code === "unauthorized") this.veil.show("The server asks for its token", fix);
  }

  #hold() {
    if (!this.session.ready) return;
    const down = this.hands.down;
    const { seq, answer } = this.session.send("keys", { down, shown: this.frame?.node ?? null });
    answer.catch(({ msg, fix }) => complain(msg, fix));
    if (!this.state.paused) this.bar.hud.sent(seq);
    this.#obeyed.set(seq, down);
    if (down.length && !this.#begun) this.commands.play();
  }

  #lean(a) {
    if (!this.session.ready) return;
    const { seq, answer } = this.session.send("act", { a, shown: this.frame?.node ?? null });
    answer.catch(({ msg, fix }) => complain(msg, fix));
    if (!this.state.paused) this.bar.hud.sent(seq);
    if (!this.#begun) this.commands.play();
  }

  #applied(seq) {
    const keys = this.#obeyed.get(seq);
    for (const older of this.#obeyed.keys()) {
      if (older < seq) this.#obeyed.delete(older);
    }
    if (keys) this.steering.applied(keys);
  }

  #go({ branch, frame }) {
    const mark = this.tree.at(branch, frame);
    if (mark) this.commands.goTo(mark.node);
    else this.commands.control("goto", branch);
  }

  #named(id) {
    return this.tree.branches.get(id)?.label || (id === 0 ? "the first branch" : `branch ${id}`);
  }
}
