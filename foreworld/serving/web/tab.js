// Where an exported world begins: loads it, and opens the studio's player on it.

import { element } from "./element.js";
import { Help } from "./help.js";
import { Player } from "./player.js";
import { Session } from "./session.js";
import { mountTheme } from "./theme.js";
import { Veil } from "./veil.js";
import { World } from "./world.js";

const at = (id) => document.getElementById(id);

async function main() {
  mountTheme(at("theme"));
  const help = new Help(at("help"));
  at("ask").addEventListener("click", () => help.toggle());
  const loaded = element("progress", { max: 1, value: 0, "aria-label": "Loading" });
  at("play").hidden = false;
  at("play").append(element("p", { class: "loading" }, "Loading the world …", loaded));
  Session.world = await World.open("./", (done, total) => (loaded.value = done / total));
  document.title = Session.world.manifest.title;
  const bar = { world: at("world"), trust: at("trust"), hud: at("hud") };
  const player = new Player(at("play"), bar, help, {}, () => {});
  at("play").querySelector(".instruments").prepend(await starts(player));
  window.studio = player; // as in the studio: for the console, and for tests
}

/** Small pictures of the places to begin, made by the model itself. */
async function starts(player) {
  const { world } = Session;
  const { images, starts: count } = world.manifest;
  const [key] = Object.keys(images);
  const row = element("div", { class: "starts" });
  for (let id = Math.min(1, count - 1); id < count; id++) {
    const inside = key ? picture((await world.predict(world.start(id)))[key], images[key]) : String(id);
    const begin = () => player.commands.control("reset", { from: "episode", id });
    row.append(element("button", { "aria-label": `Begin from start ${id}`, "data-start": id, onclick: begin }, inside));
  }
  return element("section", { class: "panel", "aria-label": "Where to begin" }, element("header", {}, element("h2", {}, "Begin from")), row);
}

function picture(values, { height, width }) {
  const canvas = element("canvas", { width, height });
  const shown = new ImageData(width, height);
  const channels = values.length / (height * width);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) shown.data[4 * i + c] = 255 * values[i * channels + (c % channels)];
    shown.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
}

main().catch((error) => {
  console.error(error);
  const veil = new Veil();
  veil.show("The world does not run here", String(error));
  at("play").replaceChildren(veil.node);
});
