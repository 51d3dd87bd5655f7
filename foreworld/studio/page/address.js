// What the address says: where the server is, who may, and what to open (#world=…, #session=…, #snapshot=…).

const token = new URLSearchParams(location.search).get("token");

/** Whether the server is this very machine, where pictures need not be squeezed through a wire. */
export function isHere() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}

/** A path of the server, with the token where one is needed. */
export function path(name) {
  return token
    ? `${name}${name.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}`
    : name;
}

export function socketAddress() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path("/ws")}`;
}

export async function fetchJson(name) {
  const answer = await fetch(path(name));
  if (!answer.ok) throw new Error(`${name} answered ${answer.status} ${answer.statusText}`);
  return answer.json();
}

/** {world, session, snapshot} of the address, each a string or null; nothing of them: the gallery. */
export function asked() {
  const words = new URLSearchParams(location.hash.slice(1));
  return {
    world: words.get("world"),
    session: words.get("session"),
    snapshot: words.get("snapshot"),
  };
}

export function hashOf(fields) {
  return `#${new URLSearchParams(Object.entries(fields).filter(([, value]) => value))}`;
}

/** A link that opens a snapshot of a world on this server; the token is not in it: it is not for others. */
export function snapshotLink(hash, world) {
  return `${location.origin}${location.pathname}${hashOf({ snapshot: hash, world })}`;
}

/** Keep the address on what is played, so that a reload goes on with it. */
export function remember(fields) {
  history.replaceState(null, "", `${location.pathname}${location.search}${hashOf(fields)}`);
}
