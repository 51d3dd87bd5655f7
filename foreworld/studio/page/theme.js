// Dark or light: what the system says until somebody chooses; canvases ask here for their colours.

const root = document.documentElement;
const probe = document.createElement("i");
const known = new Map();

export const themeChanged = new EventTarget();

/** The colour behind a token of look.css, as the canvas wants it: colour("good"). */
export function colour(token) {
  if (!known.has(token)) {
    probe.style.color = `var(--${token})`;
    if (!probe.isConnected) document.body.append(probe);
    known.set(token, getComputedStyle(probe).color);
  }
  return known.get(token);
}

export function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function mountTheme(button) {
  probe.hidden = true;
  choose(localStorage.getItem("foreworld.theme"), button);
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    localStorage.setItem("foreworld.theme", theme);
    choose(theme, button);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    choose(root.dataset.theme, button),
  );
}

function choose(theme, button) {
  if (theme) root.dataset.theme = theme;
  known.clear();
  const other = isDark() ? "light" : "dark";
  button.setAttribute("aria-label", `Change to the ${other} theme`);
  button.title = `${other} theme`;
  themeChanged.dispatchEvent(new Event("change"));
}
