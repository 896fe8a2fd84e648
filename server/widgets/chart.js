// Drawings of points { marked, short, value, before }: the name for bars, that for an axis, and two numbers or null.
// Each part that stands for a point carries its data-index.

const HEIGHT = 220;
const TOP = 10;
const BOTTOM = 24;
// Of a character at the size of axis labels; a guess is enough to keep them apart.
const CHARACTER = 7;
const NARROWEST_COLUMN = 7;

/** Columns over time, or a line where columns would become too narrow; `width` in pixels. */
function drawSeries(points, width, tick) {
  const scale = scaleOf(points);
  const labels = scale.ticks.map(tick);
  const left = Math.max(...labels.map((label) => label.length)) * CHARACTER + 12;
  const slot = (width - left) / points.length;
  const y = (value) => TOP + ((scale.high - value) / (scale.high - scale.low)) * (HEIGHT - TOP - BOTTOM);
  const compared = points.some((point) => point.before !== null);
  const places = points.map((point, index) => ({
    ...point,
    index,
    left: left + index * slot,
    middle: left + (index + 0.5) * slot,
  }));
  const draw = slot / (compared ? 2 : 1) < NARROWEST_COLUMN ? line : columns;
  return shape(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT },
    ...scale.ticks.flatMap((value, index) => [
      shape("line", { class: value === 0 ? "zero" : "grid", x1: left, x2: width, y1: y(value), y2: y(value) }),
      shape("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, labels[index]),
    ]),
    ...draw(places, { y, slot, compared }),
    ...timeLabels(places, slot, width),
  );
}

function columns(places, { y, slot, compared }) {
  const room = Math.min(slot * 0.76, 64);
  const breadth = compared ? room / 2 - 1 : room;
  const column = (kind, left, value) =>
    value === null
      ? null
      : shape("rect", {
          class: kind,
          x: left,
          y: y(Math.max(value, 0)),
          width: breadth,
          height: Math.abs(y(value) - y(0)),
        });
  return places.map((place) => {
    const start = place.middle - room / 2;
    return shape(
      "g",
      { "data-index": place.index },
      slotOf(place, slot),
      compared ? column("before", start, place.before) : null,
      column("now", compared ? start + breadth + 2 : start, place.value),
    );
  });
}

function line(places, { y, slot }) {
  const known = (field) => places.filter((place) => place[field] !== null);
  const path = (field) =>
    known(field)
      .map((place, index) => `${index ? "L" : "M"}${place.middle} ${y(place[field])}`)
      .join("");
  const dot = (kind, place, value) =>
    value === null ? null : shape("circle", { class: kind, cx: place.middle, cy: y(value), r: 4 });
  return [
    shape("path", { class: "before", d: path("before") }),
    shape("path", { class: "now", d: path("value") }),
    ...places.map((place) =>
      shape(
        "g",
        { "data-index": place.index },
        slotOf(place, slot),
        dot("before", place, place.before),
        dot("now", place, place.value),
      ),
    ),
  ];
}

/** What is pointed at, and what is marked when the point is chosen. */
const slotOf = (place, slot) =>
  shape("rect", { class: "slot", x: place.left, y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM });

/** Names below the points, as many as there is room for. */
function timeLabels(places, slot, width) {
  const longest = Math.max(...places.map((place) => place.short.length)) * CHARACTER;
  const every = Math.ceil((longest + 8) / slot);
  return places
    .filter((place) => place.index % every === 0 && place.middle + longest / 2 <= width + 8)
    .map((place) => shape("text", { x: place.middle, y: HEIGHT - 6, "text-anchor": "middle" }, place.short));
}

/** Bars that lie, one below the other: room for names of any length. */
function drawBars(points, text) {
  const [least, most] = extentOf(points);
  const share = (value) => ((value - least) / (most - least || 1)) * 100;
  const bar = (kind, value) => {
    if (value === null) return null;
    const [from, to] = [share(Math.min(value, 0)), share(Math.max(value, 0))];
    const drawn = element("i", { class: kind });
    drawn.style.left = `${from}%`;
    drawn.style.width = `${to - from}%`;
    return drawn;
  };
  const rows = points.map((point, index) => {
    const zero = element("b");
    zero.style.left = `${share(0)}%`;
    const compared = point.before !== null;
    return element(
      "div",
      { class: "row", "data-index": index },
      element("span", { class: "name" }, point.marked),
      element("span", { class: "value" }, text(point)),
      element(
        "div",
        { class: compared ? "track pair" : "track" },
        bar("now", point.value),
        bar("before", point.before),
        zero,
      ),
    );
  });
  return element("div", null, ...rows);
}

/** The least and the most of all values and zero. */
function extentOf(points) {
  const values = points.flatMap((point) => [point.value ?? 0, point.before ?? 0]);
  return [Math.min(0, ...values), Math.max(0, ...values)];
}

/** Ends and ticks of an axis that holds every value and zero, with round steps. */
function scaleOf(points) {
  const [least, most] = extentOf(points);
  const rough = (most - least || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const [low, high] = [Math.floor(least / step), Math.max(Math.ceil(most / step), least < 0 ? 0 : 1)];
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => (low + index) * step);
  return { low: low * step, high: high * step, ticks };
}
