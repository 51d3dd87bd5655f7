// The page: loads the world, lets hands steer it, shows what it says.

import { Curve } from "./curve.js";
import { Dream } from "./dream.js";
import { element } from "./element.js";
import { Hands } from "./hands.js";
import { mountKeyboard } from "./keyboard.js";
import { Meter } from "./meter.js";
import { Screen } from "./screen.js";
import { Steering } from "./steering.js";
import { mountTheme } from "./theme.js";
import { World } from "./world.js";

const SPEEDS = [1, 2, 4, 8, 12, 24, 30, 60]; // steps a second
const $ = (id) => document.getElementById(id);

class Tab {
  constructor(world) {
    const { manifest } = world;
    Object.assign(this, { world, manifest, start: Math.min(1, manifest.starts - 1), paused: true, busy: false });
    this.hands = new Hands();
    this.steering = new Steering(manifest.action, manifest.keymap);
    this.meter = new Meter();
    this.cost = 0;
    this.#mountScreens();
    this.#mountControls();
    this.#mountCaps();
  }

  #mountScreens() {
    const { images, heads } = this.manifest;
    this.screens = Object.keys(images).map((key, i) => [key, new Screen(key, `branch-${i}`)]);
    const curves = Object.entries(heads).map(([head, { kind }]) => {
      const bounds = kind === "probability" ? { floor: 0, ceiling: 1 } : {};
      return [head, new Curve(head, bounds), kind];
    });
    // A world without pictures is drawn as the curves of its vectors.
    const drawn = this.screens.length ? [] : curves.filter(([, , kind]) => kind === "vector");
    $("screens").style.setProperty("--n", Math.max(1, this.screens.length));
    $("screens").classList.toggle("plain", drawn.length > 0);
    $("screens").append(...this.screens.map(([, screen]) => screen.node), ...drawn.map(([, curve]) => curve.node));
    $("curves").append(...curves.filter((curve) => !drawn.includes(curve)).map(([, curve]) => curve.node));
    this.curves = curves;
  }

  #mountControls() {
    const speeds = [...new Set([...SPEEDS, this.manifest.fps])].sort((a, b) => a - b);
    $("speed").append(...speeds.map((fps) => element("option", { value: fps, selected: fps === this.manifest.fps }, `${fps} fps`)));
    $("speed").addEventListener("change", () => (this.period = 1000 / Number($("speed").value)));
    this.period = 1000 / this.manifest.fps;
    $("pause").addEventListener("click", () => this.pause(!this.paused));
    $("step").addEventListener("click", () => this.pause(true) || this.step());
    $("back").addEventListener("click", () => this.pause(true) || this.goTo(this.dream.at - 1));
    $("restart").addEventListener("click", () => this.begin(this.start));
    $("chance").addEventListener("change", () => (this.dream.chance = $("chance").checked));
    $("timeline").addEventListener("input", () => this.pause(true) || this.goTo(Number($("timeline").value)));
    const click = (id) => () => $(id).click();
    const commands = { " ": click("pause"), ".": click("step"), ",": click("back"), r: click("restart") };
    mountKeyboard(this.hands, () => this.steering.keys, commands, new AbortController().signal);
    this.hands.addEventListener("change", () => {
      if (this.hands.down.length && this.paused && !this.ended) this.pause(false); // a key is a wish to play
    });
  }

  #mountCaps() {
    const caps = this.manifest.keymap.map((cap) => {
      const key = cap.keys[0];
      const node = element("button", { class: "cap" }, element("kbd", {}, shown(key)), cap.label);
      const up = () => this.hands.release(key, "cap");
      node.addEventListener("pointerdown", (event) => {
        node.setPointerCapture(event.pointerId);
        this.hands.press(key, "cap");
      });
      for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) node.addEventListener(name, up);
      node.addEventListener("contextmenu", (event) => event.preventDefault());
      this.hands.addEventListener("change", () => node.classList.toggle("down", cap.keys.some((k) => this.hands.down.includes(k))));
      return node;
    });
    $("caps").append(...caps);
    if (this.steering.axes) $("caps").before(stick((x, y) => this.#leaned(x, y)));
  }

  #leaned(x, y) {
    this.steering.lean(x, y);
    if ((x || y) && this.paused && !this.ended) this.pause(false);
  }

  /** Small pictures of the places to begin, made by the model itself. */
  async mountStarts() {
    for (let n = this.manifest.starts > 1 ? 1 : 0; n < this.manifest.starts; n++) {
      const said = await this.world.predict(this.world.start(n));
      const button = element("button", { "aria-label": `Start ${n}`, onclick: () => this.begin(n) }, this.screens.length ? null : String(n));
      if (this.screens.length) {
        const small = new Screen("start", "line");
        small.put(this.#pixels(this.screens[0][0], said));
        button.append(small.draw.canvas);
      }
      $("starts").append(button);
    }
  }

  /** A new dream; play begins with the first key. */
  async begin(start) {
    this.start = start;
    this.dream = new Dream(this.world, start, (this.seed = (this.seed ?? -1) + 1));
    this.dream.chance = $("chance").checked;
    [...$("starts").children].forEach((b, i) => b.setAttribute("aria-pressed", i === Math.max(0, start - 1)));
    this.curves.forEach(([, curve]) => curve.clear());
    this.pause(true);
    this.#show(await this.world.predict(this.dream.state));
    veil(element("b", {}, "Press a key to play"), element("span", {}, "or a button below, or space"));
  }

  pause(paused) {
    this.paused = paused;
    if (!paused) veil();
    this.meter.rest();
    this.due = performance.now();
    $("pause").setAttribute("aria-label", paused ? "Play" : "Pause");
    $("pause").querySelector("use").setAttribute("href", paused ? "#icon-play" : "#icon-pause");
  }

  async step() {
    const began = performance.now();
    this.busy = true;
    const said = await this.dream.step(this.steering.act(this.hands.down));
    const took = performance.now() - began;
    this.cost = this.cost ? 0.95 * this.cost + 0.05 * took : took;
    this.#show(said);
    this.busy = false;
  }

  async goTo(step) {
    this.#show(await this.dream.goTo(step));
  }

  /** Once a painted frame: step if it is time. What comes late is not made up for. */
  async tick(now) {
    if (!this.paused && !this.busy && now >= this.due - 2) {
      this.due = Math.max(this.due + this.period, now);
      await this.step();
      this.meter.painted(now);
    }
    for (const [, curve] of this.curves) curve.draw();
    $("hud").innerHTML = `<b>${this.paused ? "–" : this.meter.fps.toFixed(0)}</b> fps · <b>${this.cost.toFixed(1)}</b> ms a step`;
  }

  #show(said) {
    for (const [key, screen] of this.screens) {
      screen.put(this.#pixels(key, said));
      screen.describe(`step ${this.dream.at}`);
    }
    for (const [head, curve] of this.curves) curve.push([...said[head]].map(Number));
    const { at, oldest, newest } = this.dream;
    Object.assign($("timeline"), { min: oldest, max: newest, value: at });
    $("frame").textContent = at;
    const total = said.reward ? `return ${this.dream.return.toFixed(2)}` : "";
    this.screens[0]?.[1].note(total);
    this.ended = said.continue !== undefined && said.continue[0] < 0.5 && at > 0;
    if (this.ended && !this.paused) {
      this.pause(true);
      veil(element("b", {}, "The world ended here"), element("span", {}, `${total}; press r to begin again, or go back`));
    }
  }

  /** A predicted picture, [height, width, channels] in 0..1, as the canvas takes it. */
  #pixels(key, said) {
    const { height, width } = this.manifest.images[key];
    const values = said[key];
    const channels = values.length / (height * width);
    const pixels = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 255 * values[i * channels + (c % channels)];
      pixels.data[4 * i + 3] = 255;
    }
    return pixels;
  }
}

function stick(lean) {
  const knob = element("i");
  const node = element("div", { class: "stick", "aria-hidden": "true" }, knob);
  const move = (x, y) => {
    const size = Math.max(1, Math.hypot(x, y));
    knob.style.setProperty("--x", `${(33 * x) / size}px`);
    knob.style.setProperty("--y", `${(33 * y) / size}px`);
    lean(x / size, -y / size);
  };
  node.addEventListener("pointerdown", (event) => node.setPointerCapture(event.pointerId));
  node.addEventListener("pointermove", (event) => {
    if (!node.hasPointerCapture(event.pointerId)) return;
    const box = node.getBoundingClientRect();
    move((2 * (event.clientX - box.left)) / box.width - 1, (2 * (event.clientY - box.top)) / box.height - 1);
  });
  node.addEventListener("lostpointercapture", () => move(0, 0));
  return node;
}

function veil(...content) {
  $("veil").replaceChildren(...content);
  $("veil").hidden = !content.length;
}

function shown(key) {
  const arrows = { arrowleft: "←", arrowright: "→", arrowup: "↑", arrowdown: "↓", " ": "space" };
  return arrows[key] ?? key;
}

async function main() {
  mountTheme($("theme"));
  const world = await World.open("./", (done, total) => ($("loaded").value = done / total));
  const { title, world: env, family, step } = world.manifest;
  document.title = $("title").textContent = title;
  $("about").textContent = [env, family, `${step} updates`].filter(Boolean).join(" · ");
  const tab = new Tab(world);
  await tab.begin(tab.start);
  await tab.mountStarts();
  const loop = (now) => tab.tick(now).then(() => requestAnimationFrame(loop)).catch(broken);
  requestAnimationFrame(loop);
}

function broken(error) {
  console.error(error);
  veil(element("b", {}, "The world does not run in this browser"), element("code", {}, String(error)));
}

main().catch(broken);
