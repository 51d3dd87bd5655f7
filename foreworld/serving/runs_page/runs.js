// The runs of a folder: a line each, curves of those that are chosen, what sets them apart, what they wrote.

import { element } from "./element.js";
import { Plot, brief } from "./plot.js";
import { mountTheme, themeChanged } from "./theme.js";

const EVERY_MS = 2000;
const TONES = ["branch-0", "branch-1", "branch-2", "branch-3", "branch-4", "branch-5"];
const COLUMNS = ["run", "family", "world", "step", "budget", "return", "loss", "trust", "when"];
const NUMBERS = new Set(["step", "return", "loss"]);
const FIRST = ["loss", "world/return", "policy/return"]; // drawn before all others
const DULL = new Set(["time", "elapsed_s"]);
const at = (id) => document.getElementById(id);

const chosen = new Map(); // name of a run -> the tone of its lines
const opened = new Map(); // name -> {config, curves}
const plots = new Map(); // key -> Plot
let lines = [];
let seen = ""; // what the lists below were made of

async function fetchJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

async function refresh() {
  const { folder, runs } = await fetchJson("/api/runs");
  lines = runs;
  at("folder").textContent = folder;
  if (!chosen.size && runs.length) choose(runs[0].run);
  for (const name of [...chosen.keys()].filter((name) => !runs.some((line) => line.run === name))) chosen.delete(name);
  const stale = runs.filter((line) => chosen.has(line.run) && (line.training || !opened.has(line.run)));
  for (const { run } of stale) opened.set(run, await fetchJson(`/api/run?name=${encodeURIComponent(run)}`));
  at("fresh").textContent = `read ${new Date().toLocaleTimeString()}`;
  show();
}

function choose(name) {
  if (chosen.has(name)) chosen.delete(name);
  else {
    const free = TONES.filter((tone) => ![...chosen.values()].includes(tone));
    if (free.length) chosen.set(name, free[0]);
  }
}

function show() {
  showLines();
  showCurves();
  const now = JSON.stringify([[...chosen], at("all").checked, lines.filter((l) => chosen.has(l.run)).map((l) => l.files)]);
  if (now === seen) return; // pictures would flicker
  seen = now;
  showConfig();
  showFiles();
}

function showLines() {
  at("nothing").hidden = lines.length > 0;
  at("columns").replaceChildren(element("tr", {}, ...COLUMNS.map((c) => element("th", { class: NUMBERS.has(c) ? "number" : null }, c))));
  const focused = document.activeElement?.dataset?.run;
  at("lines").replaceChildren(...lines.map(row));
  if (focused) at("lines").querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
}

function row(line) {
  const tone = chosen.get(line.run);
  const pick = () => {
    choose(line.run);
    refresh().catch(complain);
  };
  const box = element("input", { type: "checkbox", checked: Boolean(tone), "data-run": line.run, onchange: pick });
  const name = element("label", {}, box, element("span", { class: "dot", style: tone ? `--tone: var(--${tone})` : "" }), line.run);
  const trust = Object.entries(line.trust ?? {}).filter(([, steps]) => steps !== null).map(([use, steps]) => `${use} ${steps}`);
  const cells = [
    name, line.family, (line.world ?? "").replace(/^foreworld\//, ""), brief(line.step), line.budget ?? "", brief(line.return), brief(line.loss), trust.join(", "),
    line.training ? element("span", { class: "live" }, "training") : new Date(1000 * line.when).toLocaleString(),
  ];
  const made = element("tr", {}, ...cells.map((cell, i) => element("td", { class: NUMBERS.has(COLUMNS[i]) ? "number" : null }, cell)));
  made.addEventListener("click", (event) => event.target.closest("label") || pick());
  return made;
}

function showCurves() {
  const words = at("wanted").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const keys = new Set([...chosen.keys()].flatMap((name) => Object.keys(opened.get(name)?.curves ?? {})));
  const wanted = [...keys].filter((key) => !DULL.has(key) && (!words.length || words.some((word) => key.toLowerCase().includes(word))));
  wanted.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const nodes = wanted.map((key) => {
    if (!plots.has(key)) plots.set(key, new Plot(key));
    return plots.get(key).node;
  });
  if (nodes.length !== at("curves").children.length || nodes.some((node, i) => node !== at("curves").children[i])) {
    at("curves").replaceChildren(...nodes);
  }
  for (const key of wanted) {
    plots.get(key).lines = [...chosen].map(([name, tone]) => ({ tone, ...points(opened.get(name), key) })).filter(({ xs }) => xs.length);
    plots.get(key).draw();
  }
}

function rank(key) {
  return FIRST.includes(key) ? FIRST.indexOf(key) : FIRST.length;
}

/** A curve over steps, or over the seconds since its run began. */
function points(run, key) {
  const curve = run?.curves[key];
  if (!curve) return { xs: [], ys: [] };
  if (!at("by_time").checked) return { xs: curve.steps, ys: curve.values };
  const { steps, values } = run.curves.elapsed_s ?? { steps: [], values: [] };
  const when = new Map(steps.map((step, i) => [step, values[i]]));
  const both = curve.steps.map((step, i) => [when.get(step), curve.values[i]]).filter(([x]) => x !== undefined);
  return { xs: both.map(([x]) => x), ys: both.map(([, y]) => y) };
}

function showConfig() {
  const names = [...chosen.keys()].filter((name) => opened.has(name));
  const configs = names.map((name) => opened.get(name).config);
  const keys = [...new Set(configs.flatMap((config) => Object.keys(config)))];
  const differs = (key) => new Set(configs.map((config) => JSON.stringify(config[key]))).size > 1;
  const shown = keys.filter((key) => at("all").checked || names.length < 2 || differs(key));
  at("config_columns").replaceChildren(element("tr", {}, element("th", {}, ""), ...names.map((name) => element("th", {}, name))));
  at("config").replaceChildren(...shown.map((key) => element("tr", { class: names.length > 1 && differs(key) ? "differs" : null },
    element("td", {}, key), ...configs.map((config) => element("td", {}, written(config[key]))))));
}

function written(value) {
  return value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
}

function showFiles() {
  const folders = lines.filter((line) => chosen.has(line.run) && line.files.length).map((line) => {
    const address = (file) => `/files/${[...line.run.split("/"), ...file.split("/")].map(encodeURIComponent).join("/")}`;
    const links = line.files.map((file) => element("a", { href: address(file), target: "_blank", class: file.endsWith(".html") ? "button" : null, title: file },
      file.endsWith(".html") ? file : element("img", { src: address(file), alt: file, loading: "lazy" })));
    return element("div", {}, element("h3", {}, line.run), element("div", { class: "row" }, ...links));
  });
  at("files").replaceChildren(...(folders.length ? folders : ["None yet: foreworld trust and foreworld imagine write some."]));
}

function complain(error) {
  at("fresh").textContent = `not reached: ${error.message}`;
}

async function again() {
  if (!document.hidden) await refresh().catch(complain);
  setTimeout(again, EVERY_MS);
}

at("theme").append("◐");
mountTheme(at("theme"));
themeChanged.addEventListener("change", () => plots.forEach((plot) => plot.draw()));
for (const id of ["wanted", "by_time", "all"]) at(id).addEventListener("input", show);
addEventListener("resize", showCurves);
again();
