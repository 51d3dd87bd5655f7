// What went well or wrong, in words: a card that a screen reader reads too, and that goes by itself.

import { element } from "./element.js";

const LASTS_MS = 5200;
const shown = new Map();

export function say(text) {
  show("", element("span", {}, text), text);
}

/** What went wrong, and below it what to do about it. */
export function complain(wrong, fix) {
  const card = element("div", {}, element("b", {}, wrong));
  if (fix) card.append(element("span", {}, fix));
  show("bad", card, wrong);
}

function show(tone, content, key) {
  shown.get(key)?.remove();
  const card = element("div", { class: `toast ${tone}` }, content);
  shown.set(key, card);
  document.getElementById("toasts").append(card);
  setTimeout(
    () => {
      card.remove();
      if (shown.get(key) === card) shown.delete(key);
    },
    tone ? LASTS_MS * 1.6 : LASTS_MS,
  );
}
