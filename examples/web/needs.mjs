// A picture of what a library needs: a column for each depth, a line for each need.

const SVG = "http://www.w3.org/2000/svg";
const [ROW, GAP, HEIGHT, LETTER, MARGIN, POINT] = [44, 56, 30, 8.6, 4, 8];
/** Longer names are cut in the picture, and whole in the list beside it. */
const MOST_LETTERS = 40;

function make(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

const shown = (name) => (name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS)}…` : name);

/** `all` is a list of `{ name, depth, from, needed }`, from the library itself on. */
export function picture(all) {
  const columns = [];
  for (const one of all) (columns[one.depth] ??= []).push(one);
  const places = new Map();
  let left = MARGIN;
  for (const column of columns) {
    const width = Math.max(...column.map(({ name }) => shown(name).length)) * LETTER + 24;
    column.forEach(({ name }, row) => places.set(name, { x: left, y: MARGIN + row * ROW, width }));
    left += width + GAP;
  }
  const height = Math.max(...columns.map((column) => column.length)) * ROW + 2 * MARGIN;
  const svg = make("svg", { width: left, height, role: "img" });
  svg.append(make("title", {}, all.map(said).join(". ")));
  for (const { name, needed } of all) {
    const from = places.get(name);
    for (const to of needed.map((one) => places.get(one)).filter(Boolean)) svg.append(make("path", { d: line(from, to) }));
  }
  for (const { name, from } of all) {
    const { x, y, width } = places.get(name);
    const box = make("g", { class: from });
    box.append(make("rect", { x, y, width, height: HEIGHT, rx: 5 }), make("text", { x: x + 12, y: y + 20 }, shown(name)));
    svg.append(box);
  }
  return svg;
}

/** From side to side where they face each other, and around on the right in a column; with its end as a point. */
function line(from, to) {
  const beside = from.x === to.x;
  const before = to.x < from.x;
  const [x, y] = [before ? from.x : from.x + from.width, from.y + HEIGHT / 2];
  const [end, at] = [beside || before ? to.x + to.width : to.x, to.y + HEIGHT / 2];
  const [out, into] = [before ? -1 : 1, beside || before ? 1 : -1];
  const bend = beside ? GAP * 0.7 : GAP / 2;
  return `M${x} ${y}C${x + out * bend} ${y} ${end + into * bend} ${at} ${end} ${at}m${into * POINT} ${-POINT / 2}L${end} ${at}l${into * POINT} ${POINT / 2}`;
}

const PLACES = { dropped: "dropped here", lib: "of lib", missing: "found nowhere" };

/** The same in words. */
export function said({ name, from, needed }) {
  return `${name}, ${PLACES[from]}${needed.length > 0 ? `, needs ${needed.join(" and ")}` : ""}`;
}
