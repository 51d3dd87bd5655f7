// What was played so far: branches, where each forked off, and the pictures along them.

const KEPT = 6000; // pictures a page remembers: four minutes at 24 a second, a few megabytes
const NEAR = 24; // frames that were dropped or forgotten are looked up among their neighbours

export class Tree extends EventTarget {
  #order = [];

  constructor() {
    super();
    this.branches = new Map(); // id -> {id, label, parent, from, last, first, lane, marks: frame -> mark}
  }

  /** Become what the server's `tree` message says; pictures of branches that are still there are kept. */
  sync(message) {
    const said = new Map(message.branches.map((branch) => [branch.branch, branch]));
    for (const [id, branch] of this.branches) {
      if (said.get(id)?.first !== branch.first) this.branches.delete(id);
    }
    let lane = 0;
    const ordered = new Map();
    for (const { branch: id, label, parent, first, from_frame: from, frame } of said.values()) {
      const marks = this.branches.get(id)?.marks ?? new Map();
      const last = Math.max(from, frame, ...(marks.size ? [Math.max(...marks.keys())] : []));
      ordered.set(id, { id, label, parent, first, from, last, lane: lane++, marks });
    }
    this.branches = ordered;
    this.dispatchEvent(new Event("change"));
  }

  /** A frame was shown: `mark` is {node, picture: Blob, zone}. */
  put(id, frame, mark) {
    const branch = this.branches.get(id);
    if (!branch) return;
    if (!branch.marks.has(frame)) this.#order.push([id, frame]);
    branch.marks.set(frame, mark);
    branch.last = Math.max(branch.last, frame);
    if (this.#order.length > KEPT) this.#forget();
  }

  clear() {
    this.branches.clear();
    this.#order.length = 0;
  }

  get first() {
    return Math.min(...[...this.branches.values()].map((branch) => branch.from));
  }

  get last() {
    return Math.max(0, ...[...this.branches.values()].map((branch) => branch.last));
  }

  lane(id) {
    return this.branches.get(id)?.lane ?? 0;
  }

  /** The mark nearest to `frame` on a branch, or on the one it forked from. */
  at(id, frame) {
    const branch = this.branches.get(id);
    if (!branch) return undefined;
    if (frame < branch.from) return this.at(branch.parent, frame);
    for (let near = 0; near < NEAR; near++) {
      const mark = branch.marks.get(frame - near) ?? branch.marks.get(frame + near);
      if (mark) return mark;
    }
    return undefined;
  }

  /** The branch whose pictures show what would have been: the parent of a fork that was played on. */
  other(id, frame) {
    const branch = this.branches.get(id);
    const parent = branch && this.branches.get(branch.parent);
    return parent && frame > branch.from && parent.marks.has(frame) ? parent : undefined;
  }

  #forget() {
    const [id, frame] = this.#order.shift();
    this.branches.get(id)?.marks.delete(frame);
  }
}
