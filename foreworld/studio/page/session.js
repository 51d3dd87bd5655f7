// One session with the server: every message with its number, every answer with its promise; comes back by itself.

import { socketAddress } from "./address.js";
import { readFrame } from "./frame.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5000;
const FOR_GOOD = new Set([4401, 4409]); // not let in, or played in another window: asking again does not help

/** Fires welcome, frame, tree, state, refused, away, back; `detail` is the message. */
export class Session extends EventTarget {
  #socket = null;
  #seq = 0;
  #waiting = new Map(); // seq -> {resolve, reject}
  #wait = FIRST_WAIT_MS;
  #over = false;
  #timer = 0;

  /** `hello` are the fields of the protocol's first message: world, start, resume, seed, encoding. */
  constructor(hello) {
    super();
    this.hello = hello;
    this.welcome = null;
  }

  open() {
    const socket = new WebSocket(socketAddress());
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ t: "hello", v: 1, ...this.hello }));
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = (event) => this.#closed(event);
    this.#socket = socket;
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  get ready() {
    return this.welcome !== null && this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Send a message; gives {seq, answer}, the promise of its ack. An error rejects it, with `msg`, `fix` and `code`. */
  send(t, fields = {}) {
    const seq = ++this.#seq;
    const answer = new Promise((resolve, reject) => {
      if (!this.ready) {
        reject({
          code: "away",
          msg: "The server is away.",
          fix: "The studio keeps trying to reach it.",
        });
        return;
      }
      this.#waiting.set(seq, { resolve, reject });
      this.#socket.send(JSON.stringify({ t, seq, ...fields }));
    });
    return { seq, answer };
  }

  #hear(data) {
    if (data instanceof ArrayBuffer) return this.#fire("frame", readFrame(data));
    const message = JSON.parse(data);
    if (message.t === "ack") return this.#settle(message, "resolve");
    if (message.t === "error") return this.#refuse(message);
    if (message.t === "welcome") this.#welcomed(message);
    else this.#fire(message.t, message);
  }

  #welcomed(message) {
    const again = this.welcome !== null;
    this.welcome = message;
    this.hello = { ...this.hello, resume: message.session, start: null };
    this.#wait = FIRST_WAIT_MS;
    this.#fire("welcome", message);
    if (again) this.#fire("back", message);
  }

  #refuse(message) {
    if (this.#settle(message, "reject")) return;
    if (this.hello.resume && message.code === "not_found") {
      this.hello = { ...this.hello, resume: null }; // the server forgot it: begin anew
      this.#socket.send(JSON.stringify({ t: "hello", v: 1, ...this.hello }));
      return;
    }
    this.#fire("refused", message);
  }

  #settle(message, how) {
    const waiting = this.#waiting.get(message.seq);
    this.#waiting.delete(message.seq);
    waiting?.[how](message);
    return Boolean(waiting);
  }

  #closed(event) {
    for (const { reject } of this.#waiting.values()) {
      reject({
        code: "away",
        msg: "The server went away before it answered.",
        fix: "The studio keeps trying to reach it.",
      });
    }
    this.#waiting.clear();
    if (this.#over || FOR_GOOD.has(event.code)) return this.#fire("gone", event);
    this.#fire("away", event);
    this.#timer = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(this.#wait * 1.7, LONGEST_WAIT_MS);
  }

  #fire(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
