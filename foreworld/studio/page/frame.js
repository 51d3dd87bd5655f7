// A binary frame of the protocol, taken apart: 64 bytes of header, the dream, the truth, the extras.

const HEADER = 64;
const FLAGS = {
  ended: 1,
  lost: 2,
  paused: 4,
  policy: 8,
  truth: 16,
  raw: 32,
  recording: 64,
  observed: 128,
  truthEnded: 256,
};
const text = new TextDecoder();

/** The frame in `buffer` (an ArrayBuffer); numbers that are not known are null. */
export function readFrame(buffer) {
  const view = new DataView(buffer);
  if (text.decode(new Uint8Array(buffer, 0, 4)) !== "FW01")
    throw new Error("this is no frame of protocol 1");
  const u32 = (at) => view.getUint32(at, true);
  const f32 = (at) => known(view.getFloat32(at, true));
  const flags = view.getUint16(10, true);
  const [dream, truth, extra] = [u32(48), u32(52), u32(56)];
  const bytes = (from, length) => (length ? new Uint8Array(buffer, from, length) : null);
  return {
    node: u32(4),
    branch: view.getUint16(8, true),
    frame: u32(12),
    time: view.getFloat64(16, true),
    applied: u32(24),
    surprise: f32(28),
    uncertainty: f32(32),
    reward: f32(36),
    stepMs: f32(40),
    decodeMs: f32(44),
    late: u32(60),
    ...Object.fromEntries(Object.entries(FLAGS).map(([name, bit]) => [name, Boolean(flags & bit)])),
    dreamPicture: bytes(HEADER, dream),
    truthPicture: bytes(HEADER + dream, truth),
    ...JSON.parse(text.decode(new Uint8Array(buffer, HEADER + dream + truth, extra)) || "{}"),
  };
}

/** A picture of a frame, ready to paint: ImageData of raw pixels, an ImageBitmap of a JPEG (in a promise). */
export function picture(bytes, raw) {
  return raw ? rawPixels(bytes) : createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}

function rawPixels(bytes) {
  const [width, height] = [bytes[0] + 256 * bytes[1], bytes[2] + 256 * bytes[3]];
  const pixels = new ImageData(width, height);
  for (let from = 4, to = 0; from < bytes.length; from += 3, to += 4) {
    pixels.data[to] = bytes[from];
    pixels.data[to + 1] = bytes[from + 1];
    pixels.data[to + 2] = bytes[from + 2];
    pixels.data[to + 3] = 255;
  }
  return pixels;
}

function known(value) {
  return Number.isNaN(value) ? null : value;
}
