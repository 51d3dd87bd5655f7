// The start page: the worlds there are, with their pictures, and the sessions one left open.

import { fetchJson, hashOf, path } from "./address.js";
import { element } from "./element.js";
import { complain } from "./toast.js";

const LIGHTS = { green: "good", amber: "amber", red: "bad" };

export async function showGallery(root) {
  document.title = "Foreworld studio";
  const worlds = element("div", { class: "worlds" });
  const before = element("section", { class: "before", hidden: true });
  root.replaceChildren(lead(), worlds, before);
  try {
    const [known, sessions] = await Promise.all([
      fetchJson("/api/worlds"),
      fetchJson("/api/sessions"),
    ]);
    worlds.replaceChildren(...(known.length ? known.map(card) : [nothing()]));
    if (sessions.length) show(before, sessions, known);
  } catch (error) {
    complain("The worlds could not be listed.", error.message);
  }
}

function lead() {
  return element(
    "header",
    { class: "lead" },
    element("h1", {}, "Step into a learned world."),
    element(
      "p",
      {},
      "Each of these is a neural network that has watched a world and now dreams it, frame by frame, from " +
        "your keys. Steer it, fork it, ask “what if”, and hold it against the truth.",
    ),
  );
}

function card(world) {
  const open = () => {
    location.hash = hashOf({ world: world.name });
  };
  return element(
    "article",
    { class: "worldcard" },
    element("div", { class: "picture" }, ...pictureOf(world)),
    element(
      "div",
      { class: "about" },
      element(
        "h2",
        {},
        element("button", { "data-world": world.name, onclick: open }, world.title),
      ),
      element("p", {}, world.about || world.env),
      element("div", { class: "facts" }, ...facts(world)),
    ),
  );
}

function facts({ family, horizon, light, source }) {
  const chips = [["", family]];
  if (light)
    chips.push([LIGHTS[light], horizon ? `trusted for ${horizon} steps` : "not to be trusted yet"]);
  if (source === "run") chips.push(["", "your run"]);
  return chips.map(([tone, text]) => element("span", { class: `chip ${tone}` }, text));
}

/** The world's own picture, or rings drawn from its name where it has none. */
function pictureOf(world) {
  if (!world.picture) return [rings(world.name)];
  const glow = element("i");
  glow.style.backgroundImage = `url("${path(world.picture)}")`;
  return [glow, element("img", { src: path(world.picture), alt: "", loading: "lazy" })];
}

function rings(name) {
  const canvas = element("canvas", { width: 320, height: 240, "aria-hidden": "true" });
  const draw = canvas.getContext("2d");
  let seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  const next = () => (seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  const hue = next() * 360;
  draw.fillStyle = `hsl(${hue} 22% 12%)`;
  draw.fillRect(0, 0, 320, 240);
  for (let ring = 0; ring < 26; ring++) {
    draw.strokeStyle = `hsl(${hue + next() * 40} 45% ${50 + next() * 25}% / .35)`;
    draw.lineWidth = 0.6 + next() * 2.5;
    draw.beginPath();
    draw.ellipse(
      160 + (next() - 0.5) * 120,
      120 + (next() - 0.5) * 70,
      20 + next() * 130,
      20 + next() * 90,
      next() * 3,
      0,
      7,
    );
    draw.stroke();
  }
  return canvas;
}

function show(section, sessions, worlds) {
  const titles = new Map(worlds.map(({ name, title }) => [name, title]));
  section.replaceChildren(
    element("h2", {}, "Go on"),
    element(
      "ul",
      {},
      ...sessions.map(({ session, world, frame, branches }) =>
        element(
          "li",
          {},
          element(
            "a",
            { class: "button", href: hashOf({ world, session }) },
            `${titles.get(world) ?? world}, frame ${frame}${branches > 1 ? `, ${branches} branches` : ""}`,
          ),
        ),
      ),
    ),
  );
  section.hidden = false;
}

function nothing() {
  return element(
    "div",
    { class: "nothing" },
    "No world is here yet. Train one in a minute with ",
    element("code", {}, "foreworld demo"),
    " and play it with ",
    element("code", {}, "foreworld play runs/demo"),
    ".",
  );
}
