// The row of controls below the picture: who plays, the clock, forks and keepsakes.

import { element, icon } from "./element.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const PLAYERS = { human: "You", random: "Random", planner: "Planner", learner: "Learner" };

export class Controls {
  #buttons = {};
  #players = element("div", { class: "group", role: "radiogroup", "aria-label": "Who plays" });
  #speed = element(
    "select",
    { "aria-label": "Speed" },
    ...SPEEDS.map((speed) =>
      element("option", { value: speed }, `${String(speed).replace("0.", ".")}×`),
    ),
  );
  #view = element("select", { "aria-label": "Picture", hidden: true });

  /** `commands` are functions by name: pause, step, rewind, reset, record, snapshot, share, resync, policy, speed, view. */
  constructor(commands) {
    this.commands = commands;
    this.#speed.addEventListener("change", () => commands.speed(Number(this.#speed.value)));
    this.#view.addEventListener("change", () => commands.view(this.#view.value));
    this.node = element(
      "div",
      { class: "controls", role: "toolbar", "aria-label": "Controls" },
      element(
        "div",
        { class: "clock" },
        this.#button("rewind", "square bare", "rewind", "Back a second"),
        this.#button("pause", "round main", "play", "Play"),
        this.#button("step", "square bare", "step", "One step"),
        this.#button("reset", "square bare", "reset", "Start again"),
      ),
      this.#speed,
      this.#players,
      this.#view,
      element(
        "div",
        { class: "keepsakes" },
        this.#button("resync", "", "sync", "Look at the truth", "Look"),
        this.#button("record", "record", "record", "Record to a dataset", "Record"),
        this.#button("snapshot", "", "snapshot", "Keep a snapshot", "Snapshot"),
        this.#button("share", "", "share", "Copy a link to this instant", "Share"),
      ),
    );
  }

  /** Set up for a world, from the server's welcome. */
  fit(welcome) {
    this.#players.replaceChildren(
      ...welcome.policies.map((name) =>
        element(
          "button",
          {
            role: "radio",
            "aria-checked": "false",
            "data-policy": name,
            onclick: () => this.commands.policy(name),
          },
          PLAYERS[name] ?? name,
        ),
      ),
    );
    const views = Object.keys(welcome.images);
    this.#view.hidden = views.length < 2;
    this.#view.replaceChildren(...views.map((name) => element("option", {}, name)));
    this.#buttons.resync.hidden = !welcome.truth.possible;
  }

  /** Show what the server says is so: {paused, speed, policy, truth, view, recording}. */
  show(state) {
    const { pause, record, resync } = this.#buttons;
    pause.replaceChildren(icon(state.paused ? "play" : "pause"));
    label(pause, state.paused ? "Play" : "Pause");
    record.setAttribute("aria-pressed", String(Boolean(state.recording)));
    resync.disabled = !state.truth;
    for (const button of this.#players.children) {
      button.setAttribute("aria-checked", String(button.dataset.policy === state.policy));
    }
    this.#speed.value = String(state.speed);
    this.#view.value = state.view;
  }

  #button(name, look, drawing, title, words) {
    const button = element(
      "button",
      { class: look, "data-command": name, onclick: () => this.commands[name]() },
      icon(drawing),
      words ? element("span", { class: "words" }, words) : null,
    );
    label(button, title);
    this.#buttons[name] = button;
    return button;
  }
}

function label(button, text) {
  button.setAttribute("aria-label", text);
  button.title = text;
}
