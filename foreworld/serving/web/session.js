// A session without a server: it speaks as the studio's server does (docs/protocol.md), and dreams in this tab.
// Takes the place of the studio's session.js; what needs a simulator, a planner or a disk it refuses in words.

import { actionOf } from "./action.js";
import { Past } from "./past.js";
import { normals } from "./normals.js";
import { World } from "./world.js";

const FPS_SLACK_MS = 2; // a painted frame that comes this much early counts as in time

export class Session extends EventTarget {
  /** The world that all sessions of the page play; to be set before the first is opened. */
  static world = null;

  #seq = 0;
  #down = { keys: [], given: null, seq: 0 };
  #busy = Promise.resolve();
  #over = false;
  #late = 0;
  #due = 0; // when the next step is to come, in the page's milliseconds

  constructor() {
    super();
    this.welcome = null;
  }

  get ready() {
    return this.welcome !== null;
  }

  /** Begin where the manifest says play begins. */
  async open() {
    const { manifest } = Session.world;
    this.past = new Past(Session.world.stateBytes);
    this.seed = Math.floor(Math.random() * 2 ** 31);
    this.start = Math.min(1, manifest.starts - 1);
    this.said = {
      paused: true, speed: 1, policy: "human", truth: false, view: Object.keys(manifest.images)[0] ?? null,
      branch: 0, recording: null,
    };
    this.past.root(Session.world.start(this.start), "");
    this.welcome = { ...welcomeOf(manifest), ...this.said, seed: this.seed, tree: this.past.tree() };
    this.welcome.truth = { possible: false, attached: false, image: null };
    this.#fire("welcome", this.welcome);
    await this.#show();
    this.#due = performance.now();
    requestAnimationFrame((now) => this.#tick(now));
  }

  close() {
    this.#over = true;
  }

  /** A message of the protocol; gives {seq, answer}, the promise of its ack. */
  send(t, fields = {}) {
    const seq = ++this.#seq;
    const answer = this.#busy.then(() => this.#obey(t, seq, fields));
    this.#busy = answer.catch(() => {}); // who sent it is told
    return { seq, answer: answer.then((more) => ({ t: "ack", seq, ...more })) };
  }

  async #obey(t, seq, fields) {
    if (t === "keys") this.#down = { ...this.#down, keys: fields.down, given: null, seq };
    else if (t === "act") this.#down = { ...this.#down, given: fields.a, seq };
    else if (t === "branch") return this.#fork(fields);
    else if (t === "ctl") return this.#control(fields.op, fields.arg);
    else throw refusal(t);
    return {};
  }

  #fork({ from = null, label = "" }) {
    const number = this.past.fork(from ?? this.past.here, label);
    this.#tell();
    return { branch: number };
  }

  async #control(op, arg) {
    const { past } = this;
    if (op === "play" || op === "pause") this.#become({ paused: op === "pause" });
    else if (op === "speed") this.#become({ speed: arg });
    else if (op === "policy") this.#become({ policy: arg });
    else if (op === "view") this.#become({ view: arg });
    else if (op === "step") for (let n = 0; n < (arg ?? 1); n++) await this.#step();
    else if (op === "reset") this.#reset(arg ?? {});
    else if (op === "goto") past.goTo(arg);
    else if (op === "rewind") past.rewind(typeof arg === "object" && arg ? arg.node : past.before(arg ?? 1));
    else throw refusal(op);
    if (["reset", "goto", "rewind"].includes(op)) this.#tell();
    if (["reset", "goto", "rewind", "view"].includes(op)) await this.#show();
    return {};
  }

  #reset({ from, id, seed }) {
    if (from === "episode") this.start = id;
    this.seed = seed ?? Math.floor(Math.random() * 2 ** 31);
    this.past = new Past(Session.world.stateBytes);
    this.past.root(Session.world.start(this.start), "");
    this.#become({ paused: true });
  }

  #become(changes) {
    if (this.said.paused && changes.paused === false) this.#due = performance.now();
    this.said = { ...this.said, ...changes };
    this.#fire("state", { t: "state", ...this.said });
  }

  #tell() {
    this.said.branch = this.past.branch;
    this.#fire("tree", { t: "tree", ...this.past.tree() });
  }

  /** Once a painted frame: step if it is time. A step that comes late is counted and never made up for. */
  #tick(now) {
    if (this.#over) return;
    const period = 1000 / (this.welcome.fps * this.said.speed);
    if (!this.said.paused && now >= this.#due - FPS_SLACK_MS) {
      if (now > this.#due + period) this.#late += 1;
      this.#due = Math.max(this.#due + period, now - FPS_SLACK_MS);
      this.#busy = this.#busy.then(() => (this.said.paused ? null : this.#step())).catch((error) => console.error(error));
    }
    this.#busy.finally(() => requestAnimationFrame((next) => this.#tick(next)));
  }

  async #step() {
    const { world } = Session;
    const { action: form, keymap } = world.manifest;
    const began = performance.now();
    const here = this.past.node;
    const draw = normals(this.seed * 65537 + here.frame + 1);
    const asked = { random: () => randomAction(form, normals(this.seed * 31 + here.frame)), human: () => this.#steered(form, keymap) };
    const action = asked[this.said.policy]();
    const state = await world.imagine(here.state, action, world.noise(draw));
    const branches = this.past.branches.length;
    this.past.grow(state, action);
    if (this.past.branches.length > branches) this.#tell();
    this.took = performance.now() - began;
    await this.#show();
  }

  #steered(form, keymap) {
    const { keys, given } = this.#down;
    return given === null ? actionOf(form, keymap, keys, this.past.node.action) : [given].flat(9);
  }

  /** Send the frame of where we stand. */
  async #show() {
    const { world } = Session;
    const { node, branch, here } = this.past;
    const began = performance.now();
    const said = await world.predict(node.state);
    const ended = node.frame > 0 && Number(said.continue?.[0] ?? 1) < 0.5;
    this.#fire("frame", {
      node: here, branch, frame: node.frame, time: performance.now() / 1000, applied: this.#down.seq, surprise: null,
      uncertainty: null, reward: said.reward ? Number(said.reward[0]) : null, stepMs: this.took ?? 0,
      decodeMs: performance.now() - began, late: this.#late, ended, lost: false, paused: this.said.paused,
      policy: this.said.policy !== "human", raw: true, recording: false, observed: false, truthEnded: false,
      dreamPicture: this.said.view && pixels(said[this.said.view], world.manifest.images[this.said.view]),
      truthPicture: null, action: node.action, heads: headsOf(said, world.manifest.heads), truth: null, point: null,
      truth_point: null, since_observed: node.frame, dropped: 0,
    });
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function welcomeOf(manifest) {
  const { title, world, model, family, parameters, fps, action, keymap, heads, images, trust } = manifest;
  return {
    t: "welcome", v: 1, session: "tab", world: title, env: world, title, model, family, parameters, fps, resumed: false,
    action, keymap, heads, images, trust, policies: ["human", "random"], deterministic: !manifest.graphs.imagine.inputs.noise,
    map: null, recordings: [],
  };
}

function refusal(what) {
  return { code: "unsupported", msg: `“${what}” needs the studio.`, fix: "This page runs alone: foreworld play opens the studio." };
}

function headsOf(said, heads) {
  const plain = Object.entries(heads).map(([head, { kind }]) => {
    const values = Array.from(said[head], Number);
    return [head, ["scalar", "probability"].includes(kind) ? values[0] : values];
  });
  return Object.fromEntries(plain);
}

/** A predicted picture, [height, width, channels] in 0..1, as the protocol's raw pixels: sizes, then RGB. */
function pixels(values, { height, width }) {
  const bytes = new Uint8Array(4 + 3 * height * width);
  bytes.set([width & 255, width >> 8, height & 255, height >> 8]);
  const channels = values.length / (height * width);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      const value = values[i * channels + (c % channels)];
      bytes[4 + 3 * i + c] = 255 * Math.min(Math.max(value, 0), 1) + 0.5;
    }
  }
  return bytes;
}

function randomAction({ kind, classes, names, low, high }, draw) {
  const share = () => 0.5 + 0.5 * Math.tanh(draw());
  if (kind === "discrete") return classes.map((n) => Math.min(n - 1, Math.floor(n * share())));
  return names.map((_, i) => (low?.[i] ?? -1) + share() * ((high?.[i] ?? 1) - (low?.[i] ?? -1)));
}
