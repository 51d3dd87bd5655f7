// A learned world in this tab: a state is a value (named tensors), a step is a graph that runs here.
//
//   const world = await World.open("./");
//   let state = world.start(0);
//   state = await world.imagine(state, world.rest(), world.noise(random));
//   const { image, reward } = await world.predict(state);

import * as ort from "./ort/ort.js";

const ARRAYS = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array };
const STORED = { F32: "float32", I64: "int64", BOOL: "bool" };

export class World {
  /** Loads a folder made by `foreworld export --to web`; `report(done, total)` counts bytes. */
  static async open(folder, report = () => {}) {
    const url = (name) => new URL(name, new URL(folder, document.baseURI));
    const manifest = await (await fetched(url("manifest.json"))).json();
    const files = ["ort/ort.wasm.gz", "imagine.onnx", "predict.onnx", "starts.safetensors"];
    let done = 0;
    const total = files.reduce((sum, name) => sum + manifest.files[name].bytes, 0);
    const count = (bytes) => report((done += bytes), total);
    const [wasm, ...rest] = await Promise.all(files.map((name) => bytesOf(url(name), count)));
    ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
    ort.env.wasm.wasmPaths = { mjs: url("ort/ort-wasm.js").href };
    ort.env.wasm.wasmBinary = await unpacked(wasm);
    const [imagine, predict] = await Promise.all(
      rest.slice(0, 2).map((graph) => ort.InferenceSession.create(graph)),
    );
    return new World(manifest, imagine, predict, tensorsOf(rest[2]));
  }

  constructor(manifest, imagine, predict, starts) {
    Object.assign(this, { manifest, starts, graphs: { imagine, predict } });
  }

  get stateBytes() {
    const states = Object.entries(this.manifest.graphs.predict.inputs);
    const size = ({ dtype, shape }) => shape.reduce((a, b) => a * b, ARRAYS[dtype].BYTES_PER_ELEMENT);
    return states.reduce((sum, [, leaf]) => sum + size(leaf), 0);
  }

  /** State number `n` of those that came with the world. */
  start(n) {
    const entries = Object.entries(this.starts).map(([name, { type, shape, data }]) => {
      const size = data.length / shape[0];
      return [name, new ort.Tensor(type, data.slice(n * size, (n + 1) * size), [1, ...shape.slice(1)])];
    });
    return Object.fromEntries(entries);
  }

  /** The state one step later. action: numbers or class numbers; noise: standard normal numbers. */
  async imagine(state, action, noise) {
    const { inputs } = this.manifest.graphs.imagine;
    const feeds = this.#feeds("imagine", state);
    feeds.action = tensor(inputs.action, action);
    if (inputs.noise) feeds.noise = tensor(inputs.noise, noise);
    const out = await this.graphs.imagine.run(feeds);
    return Object.fromEntries(Object.entries(out).map(([k, x]) => [k.slice("next.".length), x]));
  }

  /** What the state says: head -> typed array. */
  async predict(state) {
    const out = await this.graphs.predict.run(this.#feeds("predict", state));
    return Object.fromEntries(Object.entries(out).map(([head, x]) => [head, x.data]));
  }

  /** Fresh standard normal numbers for one step, from a generator of `normals`. */
  noise(draw) {
    const spec = this.manifest.graphs.imagine.inputs.noise;
    return spec ? Float32Array.from({ length: spec.shape[1] }, draw) : null;
  }

  #feeds(graph, state) {
    const names = Object.keys(this.manifest.graphs[graph].inputs);
    const wanted = names.filter((name) => name.startsWith("state."));
    return Object.fromEntries(wanted.map((name) => [name, state[name.slice("state.".length)]]));
  }
}

function tensor({ dtype, shape }, values) {
  const convert = dtype === "int64" ? BigInt : Number;
  return new ort.Tensor(dtype, ARRAYS[dtype].from(Array.from(values), convert), shape);
}

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname}: ${answer.status} ${answer.statusText}`);
  return answer;
}

async function bytesOf(url, count) {
  const parts = [];
  const reader = (await fetched(url)).body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    count(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Gunzips what is still gzipped: some servers do it on the way. */
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The tensors of a safetensors file: a length, a JSON header, numbers. */
function tensorsOf(bytes) {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  delete header.__metadata__;
  const entries = Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
    const type = STORED[dtype];
    const data = new ARRAYS[type](bytes.slice(8 + length + from, 8 + length + to).buffer);
    return [name, { type, shape, data }];
  });
  return Object.fromEntries(entries);
}
