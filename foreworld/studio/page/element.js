// Making DOM elements in one line: element("button", {class: "main", onclick: go}, "Play").

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style")
      made.style.cssText = value; // an attribute would need the page's policy to allow it
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** One of the drawings in index.html's <symbol>s. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

const boxes = new WeakMap(); // canvas -> its box, kept by the observer: asking for it would lay out the page anew
const watch = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) boxes.set(target, contentRect);
});

/** Size a canvas to its box in device pixels; gives its context, scaled to CSS pixels, and the box. */
export function fitted(canvas) {
  if (!boxes.has(canvas)) {
    boxes.set(canvas, { width: canvas.clientWidth, height: canvas.clientHeight });
    watch.observe(canvas);
  }
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const { width, height } = boxes.get(canvas);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const draw = canvas.getContext("2d");
  draw.setTransform(scale, 0, 0, scale, 0, 0);
  draw.clearRect(0, 0, width, height);
  return { draw, width, height };
}
