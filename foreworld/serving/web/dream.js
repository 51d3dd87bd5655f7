// One dream: where it began, what was done since, and every state on the way, so that it can go back.
// Step t draws its noise from (seed, t): the same actions from the same start give the same dream.

import { normals } from "./world.js";

const KEPT = 2000; // states to go back to; a few kilobytes each

export class Dream {
  #states = [];
  #first = 0; // the step of the oldest state kept
  #returns = []; // as many as states

  constructor(world, start, seed) {
    Object.assign(this, { world, seed, chance: true, at: 0 });
    this.#states.push(world.start(start));
    this.#returns.push(0);
  }

  get oldest() {
    return this.#first;
  }

  get newest() {
    return this.#first + this.#states.length - 1;
  }

  get state() {
    return this.#states[this.at - this.#first];
  }

  /** The sum of imagined rewards since the start. */
  get return() {
    return this.#returns[this.at - this.#first];
  }

  /** One step from where we are; what came after it before is forgotten. Gives what it looks like. */
  async step(action) {
    const draw = this.chance ? normals(this.seed * 65537 + this.at) : () => 0;
    const state = await this.world.imagine(this.state, action, this.world.noise(draw));
    const said = await this.world.predict(state);
    const kept = this.at - this.#first + 1;
    this.#states.splice(kept, Infinity, state);
    this.#returns.splice(kept, Infinity, this.return + Number(said.reward?.[0] ?? 0));
    if (this.#states.length > KEPT) {
      this.#states.shift();
      this.#returns.shift();
      this.#first += 1;
    }
    this.at += 1;
    return said;
  }

  /** Go to a step that was kept; gives what it looks like. */
  async goTo(step) {
    this.at = Math.min(Math.max(step, this.oldest), this.newest);
    return this.world.predict(this.state);
  }
}
