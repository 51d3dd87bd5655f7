// Where the page begins: the gallery, or the world that the address names.

import { asked } from "./address.js";
import { showGallery } from "./gallery.js";
import { Help } from "./help.js";
import { Player } from "./player.js";
import { SHORTCUTS } from "./shortcuts.js";
import { mountTheme } from "./theme.js";

const at = (id) => document.getElementById(id);
const help = new Help(at("help"));
let player = null;

function open() {
  const { world, session, snapshot } = asked();
  player?.close();
  player = null;
  const playing = Boolean(world || session || snapshot);
  at("gallery").hidden = playing;
  at("play").hidden = !playing;
  if (!playing) {
    help.fill(
      [],
      SHORTCUTS.map(([keys, , text]) => [keys, text]),
    );
    showGallery(at("gallery"));
    return;
  }
  const bar = { world: at("world"), trust: at("trust"), hud: at("hud") };
  const start = snapshot ? { from: "snapshot", hash: snapshot } : null;
  player = new Player(at("play"), bar, help, { world, start, resume: session }, () => {
    location.hash = "";
  });
  window.studio = player; // for whoever looks in with the browser's console, and for the browser's tests
}

mountTheme(at("theme"));
at("ask").addEventListener("click", () => help.toggle());
addEventListener("hashchange", open);
open();
