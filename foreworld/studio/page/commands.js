// What one can ask of a session, by name and by key; what the server refuses is said in words.

import { snapshotLink } from "./address.js";
import { SPEEDS } from "./controls.js";
import { complain, say } from "./toast.js";

const CANDIDATES = 8;
const HORIZON = 30;
const PAIRS = 16;

export class Commands {
  /** `now` gives what is so: {state, frame, tree}; `shown` has a plan or a comparison put on screen. */
  constructor(session, now, shown) {
    Object.assign(this, { session, now, shown });
  }

  /** Send a message; gives its ack, or null when it was refused, which was then said. */
  async send(t, fields) {
    try {
      return await this.session.send(t, fields).answer;
    } catch (error) {
      complain(error.msg, error.fix);
      return null;
    }
  }

  control(op, arg = null) {
    return this.send("ctl", { op, arg });
  }

  play = () => this.control("play");
  stop = () => this.control("pause");
  pause = () => this.control(this.now().state.paused ? "play" : "pause");
  back = () => this.#rewind(1);
  rewind = () => this.#rewind(this.session.welcome.fps);
  reset = () => this.control("reset");
  resync = () => this.control("resync");
  policy = (name) => this.control("policy", name);
  speed = (value) => this.control("speed", value);
  view = (name) => this.control("view", name);
  truth = () => this.control("truth", !this.now().state.truth);
  goTo = (node) => this.control("rewind", { node });

  /** One step; what plays is paused first. */
  step = async () => {
    if (!this.now().state.paused) await this.stop();
    return this.control("step", 1);
  };

  faster = () => this.#shift(1);
  slower = () => this.#shift(-1);

  /** Let the next of the policies act. */
  next = () => {
    const names = this.session.welcome.policies;
    return this.policy(names[(names.indexOf(this.now().state.policy) + 1) % names.length]);
  };

  /** Fork here; the new branch is played at once, by hand. */
  fork = async (label = "") => {
    const { state } = this.now();
    const answer = await this.send("branch", { from: null, label, go: true });
    if (answer && state.policy !== "human") await this.policy("human");
    if (answer && state.paused) await this.play();
    return answer?.branch ?? null;
  };

  record = async (source) => {
    const on = !this.now().state.recording;
    const answer = await this.control("record", on ? { on, source: source ?? "dream" } : { on });
    const written = answer?.recording;
    if (written) say(`Recorded ${written.steps ?? written.frames ?? ""} steps to ${written.path}`);
    else if (answer && on) say("Recording. Press it again to write the episode.");
  };

  snapshot = async () => {
    const answer = await this.send("snapshot", {});
    if (answer) say(`Snapshot ${answer.hash.slice(0, 12)} kept. Share makes a link to one.`);
  };

  share = async () => {
    const answer = await this.send("snapshot", {});
    if (!answer) return;
    const link = snapshotLink(answer.hash, this.session.welcome.world);
    const copied = await navigator.clipboard?.writeText(link).then(
      () => true,
      () => false,
    );
    say(copied ? `Link copied: ${link}` : `A link to this instant: ${link}`);
  };

  plan = async () => {
    const answer = await this.send("plan", { count: CANDIDATES });
    if (answer) this.shown.plan(answer.plan);
  };

  /** The branch that is played against the one it left. */
  compare = async () => {
    const { tree, frame } = this.now();
    const branch = frame && tree.branches.get(frame.branch);
    if (!branch || branch.parent === null) {
      complain(
        "There is nothing to compare with yet.",
        "Fork first: press one of the “what if” keys.",
      );
      return;
    }
    const answer = await this.send("compare", {
      branches: [branch.parent, branch.id],
      h: HORIZON,
      n: PAIRS,
    });
    if (answer) this.shown.comparison(answer.comparison);
  };

  /** Play the actions of a candidate on a branch of its own, one step after the other. */
  take = async ({ actions }, label) => {
    await this.stop();
    if (!(await this.send("branch", { from: null, label, go: true }))) return;
    for (const a of actions) {
      if (!(await this.send("act", { a })) || !(await this.step())) return;
    }
    await this.send("act", { a: null });
  };

  #rewind(steps) {
    const back = Math.min(steps, this.now().frame?.frame ?? 0);
    return back ? this.control("rewind", back) : null;
  }

  #shift(by) {
    const at = SPEEDS.indexOf(this.now().state.speed) + by;
    return SPEEDS[at] ? this.speed(SPEEDS[at]) : null;
  }
}
