// What was played so far: branches, where each forked off, and the pictures along them.

const KEPT_BYTES = 48e6; // of pictures: minutes at 24 a second
const NEAR = 24; // frames that were dropped or forgotten are looked up among their neighbours

export class Tree extends EventTarget {
  #order = [];
  #bytes = 0;

  constructor() {
    super();
    this.branches = new Map(); // id -> {id, label, parent, fork, first, from, last, lane, marks: frame -> mark}
  }

  /** Become what the server's `tree` message says; pictures of branches that are still there are kept. */
  sync(message) {
    const said = new Map(message.branches.map((branch) => [branch.branch, branch]));
    for (const [id, branch] of this.branches) {
      const { first } = said.get(id) ?? {};
      if (first !== branch.first && branch.first !== branch.fork) this.branches.delete(id); // another root's
    }
    let lane = 0;
    const ordered = new Map();
    for (const {
      branch: id,
      label,
      parent,
      fork,
      first,
      from_frame: from,
      frame,
    } of said.values()) {
      const branch = this.branches.get(id) ?? { id, last: from, marks: new Map() };
      ordered.set(
        id,
        Object.assign(branch, {
          label,
          parent,
          fork,
          first,
          from,
          last: Math.max(branch.last, frame),
          lane: lane++,
        }),
      );
    }
    this.branches = ordered;
    this.dispatchEvent(new Event("change"));
  }

  /** A frame was shown: `mark` is {node, zone, bytes, raw}, the bytes those of its picture, or null. */
  put(id, frame, mark) {
    const branch = this.branches.get(id);
    if (!branch) return;
    this.#order.push([branch, frame, mark]);
    this.#bytes += mark.bytes?.length ?? 0;
    branch.marks.set(frame, mark);
    branch.last = Math.max(branch.last, frame);
    while (this.#bytes > KEPT_BYTES) this.#forget();
  }

  clear() {
    this.branches.clear();
    this.#order.length = this.#bytes = 0;
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
    const [branch, frame, mark] = this.#order.shift();
    this.#bytes -= mark.bytes?.length ?? 0;
    if (branch.marks.get(frame) === mark) branch.marks.delete(frame);
  }
}
