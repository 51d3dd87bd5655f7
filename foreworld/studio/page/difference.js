// How far the dream is from the truth, pixel by pixel: black where they agree, embers where they do not.

const STOPS = [
  [10, 8, 12],
  [92, 34, 20],
  [214, 96, 36],
  [255, 190, 110],
  [255, 250, 235],
];
const GAIN = 2.4; // half of full contrast is wrong enough to glow white
const EMBERS = embers();

/** Paint |a - b| into `out`; all three are ImageData of one size. Gives the mean error in 0..255. */
export function difference(a, b, out) {
  let total = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    const wrong =
      (Math.abs(a.data[i] - b.data[i]) +
        Math.abs(a.data[i + 1] - b.data[i + 1]) +
        Math.abs(a.data[i + 2] - b.data[i + 2])) /
      3;
    total += wrong;
    const at = Math.min(255, Math.round(wrong * GAIN)) * 3;
    out.data[i] = EMBERS[at];
    out.data[i + 1] = EMBERS[at + 1];
    out.data[i + 2] = EMBERS[at + 2];
    out.data[i + 3] = 255;
  }
  return total / (a.data.length / 4);
}

function embers() {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(place), STOPS.length - 2);
    for (let c = 0; c < 3; c++) {
      table[i * 3 + c] = STOPS[low][c] + (STOPS[low + 1][c] - STOPS[low][c]) * (place - low);
    }
  }
  return table;
}
