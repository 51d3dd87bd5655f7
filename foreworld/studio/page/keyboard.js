// The keyboard: keys of the world go to the hands, keys of the studio to its commands.

/** A key as the protocol's keymap writes it. */
export function keyName(event) {
  return event.key.toLowerCase();
}

/** `keys` gives {taken: the world's keys, byKey: the studio's commands}. */
export function mountKeyboard(hands, keys, signal) {
  addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
      const key = keyName(event);
      const { taken, byKey } = keys();
      if (taken.has(key)) {
        event.preventDefault();
        if (!event.repeat) hands.press(key, "keyboard");
      } else if (byKey[key] && !pressesButton(event.target, key)) {
        event.preventDefault();
        if (!event.repeat) byKey[key]();
      }
    },
    { signal },
  );
  addEventListener("keyup", (event) => hands.release(keyName(event), "keyboard"), { signal });
  addEventListener("blur", () => hands.letGo(), { signal });
  addEventListener("click", dropFocus, { signal });
  document.addEventListener("visibilitychange", () => document.hidden && hands.letGo(), { signal });
}

function writing(target) {
  return Boolean(target.closest?.("input, textarea, select, dialog[open], [contenteditable]"));
}

function pressesButton(target, key) {
  return key === " " && Boolean(target.closest?.("button, a, summary"));
}

/** A button clicked with the mouse gives the keyboard back: the space bar shall pause, not click it again. */
function dropFocus(event) {
  if (event.detail > 0) event.target.closest?.("button")?.blur();
}
