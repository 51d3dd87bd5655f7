// What was dreamt: instants that share what came before, and branches that end in them, as sessions keep them.

const KEPT_BYTES = 2e8; // of states to go back to: hours of most worlds, minutes of those with long memories

export class Past {
  nodes = []; // {parent, frame, state, action}
  branches = []; // {branch, label, parent, fork, first, head}
  branch = 0;
  here = 0;

  /** `size`: bytes of a state. */
  constructor(size) {
    this.kept = Math.floor(KEPT_BYTES / size);
  }

  get node() {
    return this.nodes[this.here];
  }

  root(state, label) {
    const id = this.#add({ parent: null, frame: 0, state, action: null });
    this.branches.push({ branch: this.branches.length, label, parent: null, fork: null, first: id, head: id });
    this.branch = this.branches.length - 1;
  }

  /** The instant after `here`; where that is no end of its branch, a new branch begins. */
  grow(state, action) {
    if (this.branches[this.branch].head !== this.here) this.fork(this.here, "");
    const id = this.#add({ parent: this.here, frame: this.node.frame + 1, state, action });
    const branch = this.branches[this.branch];
    if (branch.first === branch.fork) branch.first = id;
    branch.head = id;
  }

  /** A new branch that ends, so far, in an old instant; gives its number. */
  fork(id, label) {
    const branch = this.branches.length;
    const parent = id === this.here ? this.branch : this.#branchOf(id);
    this.branches.push({ branch, label, parent, fork: id, first: id, head: id });
    [this.branch, this.here] = [branch, id];
    return branch;
  }

  rewind(id) {
    if (!this.nodes[id]?.state) throw { code: "not_found", msg: "That instant is forgotten.", fix: "Go to a later one." };
    if (![...this.#back(this.branches[this.branch].head)].includes(id)) this.branch = this.#branchOf(id);
    this.here = id;
  }

  goTo(branch) {
    [this.branch, this.here] = [branch, this.branches[branch].head];
  }

  /** The instant so many steps ago. */
  before(steps) {
    const back = [...this.#back(this.here)];
    return back[Math.min(steps, back.length - 1)];
  }

  /** What the protocol's `tree` says. */
  tree() {
    const frame = (id) => this.nodes[id].frame;
    const branches = this.branches.map((each) => ({ ...each, from_frame: frame(each.fork ?? each.first), frame: frame(each.head) }));
    return { branches, branch: this.branch, node: this.here, observed: [0] };
  }

  *#back(id) {
    for (let at = id; at !== null; at = this.nodes[at].parent) yield at;
  }

  #branchOf(id) {
    return this.branches.find(({ head }) => [...this.#back(head)].includes(id)).branch;
  }

  #add(node) {
    this.here = this.nodes.push(node) - 1;
    const oldest = this.nodes[this.here - this.kept];
    if (oldest) oldest.state = null;
    return this.here;
  }
}
