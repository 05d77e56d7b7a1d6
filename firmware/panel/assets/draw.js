// Lays the lanes out under one axis and draws a frame: grid, lanes, cursor with every lane's value, the strip below.
const lanes = [...barLanes().slice(0, 4), ...ladderLane(), ...barLanes().slice(4), ...curveLanes(), ...faultLane(), ...markLane()];
const AXIS = 30, GAP = 7, NARROW_PAGE = 640, LABELS = 138, PRINTED = 1040;
const chart = byId("chart"), overview = byId("overview"), tip = byId("tip");
const canvas = document.createElementNS("http://www.w3.org/2000/svg", "svg");
canvas.setAttribute("aria-hidden", "true");
chart.prepend(canvas);
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5];

function ticks() {
  const perPixel = (view.until - view.from) / (plotRight - plotLeft);
  const step = STEPS.find((each) => each / perPixel >= 92) || STEPS[STEPS.length - 1];
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  const zero = settings.sincePlugIn ? data.plugged : new Date(data.began).getTimezoneOffset() * 60000 - data.began;
  const found = [];
  for (let at = Math.ceil((view.from - zero) / step) * step + zero; at <= view.until; at += step) found.push(at);
  return { found, digits: settings.sincePlugIn || step < 1000 ? digits : 0, minutes: step >= 60000 && !settings.sincePlugIn };
}

function drawAxis(group, bottom) {
  const { found, digits, minutes } = ticks();
  for (const at of found) {
    const x = xOf(at);
    if (x < plotLeft - 0.5 || x > plotRight + 0.5) continue;
    draw(group, "line", { x1: x, x2: x, y1: AXIS - 5, y2: bottom, stroke: "var(--grid)" });
    const text = minutes ? clockText(at).slice(0, 5) : timeText(at + 0.01, digits), half = widthOf(text) / 2;
    if (x - half >= plotLeft - 4 && x + half <= plotRight + 4) draw(group, "text", { x, y: AXIS - 11, "text-anchor": "middle", class: "quiet" }, text);
  }
}

function drawAll() {
  const width = settings.printing ? PRINTED : Math.max(300, chart.clientWidth), narrow = width < NARROW_PAGE;
  plotLeft = narrow ? 8 : LABELS;
  plotRight = width - (narrow ? 8 : 16);
  const above = narrow ? 16 : 0; // on a phone the lane's name stands above it
  hits = [];
  canvas.replaceChildren();
  const definitions = draw(canvas, "defs", {});
  const hatch = draw(definitions, "pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  draw(hatch, "line", { x1: 0, y1: 0, x2: 0, y2: 6, stroke: "var(--faint)", "stroke-opacity": 0.35, "stroke-width": 2 });
  const clip = draw(definitions, "clipPath", { id: "plot-area" });
  const grid = draw(canvas, "g", {}), plot = draw(canvas, "g", { "clip-path": "url(#plot-area)" }), labels = draw(canvas, "g", {});
  let y = AXIS;
  for (const lane of lanes) {
    lane.y = y + above;
    lane.draw(plot, lane.y);
    drawLabel(labels, lane, narrow);
    y += lane.height + above + GAP;
    draw(grid, "line", { x1: narrow ? 0 : 12, x2: width - (narrow ? 0 : 12), y1: y - GAP / 2, y2: y - GAP / 2, stroke: "var(--grid)" });
  }
  drawAxis(grid, y - GAP);
  draw(clip, "rect", { x: plotLeft, y: 0, width: plotRight - plotLeft, height: y });
  for (const [from, until] of data.gaps) {
    const a = Math.max(plotLeft, xOf(from)), b = Math.min(plotRight, xOf(until));
    if (b <= a) continue;
    draw(plot, "rect", { x: a, y: AXIS, width: b - a, height: y, fill: "var(--card)" }); // nothing is known of this time
    draw(plot, "rect", { x: a, y: AXIS, width: b - a, height: y, fill: "url(#hatch)" });
    hits.unshift({ x0: a, x1: b, y0: 0, y1: AXIS + 8, tip: `The controller was not running\n${timeText(from, 1)} · ${spanText(until - from)}` });
  }
  if (view.selecting) {
    const [a, b] = view.selecting.map(xOf);
    draw(plot, "rect", { x: a, y: AXIS, width: b - a, height: y, fill: "var(--window)" });
  }
  canvas.setAttribute("viewBox", `0 0 ${width} ${y}`);
  view.cursorLayer = draw(canvas, "g", {});
  drawCursor(y, narrow);
  drawOverview(width, narrow);
}

function drawLabel(group, lane, narrow) {
  if (lane.rails) {
    for (const [at, name] of lane.rails) {
      if (narrow) draw(group, "rect", { x: 5, y: lane.y + at - 16, width: widthOf(name, true) + 6, height: 15, rx: 4, fill: "var(--card)", "fill-opacity": 0.85 });
      draw(group, "text", { x: narrow ? 8 : plotLeft - 10, y: lane.y + at + (narrow ? -4.5 : 4), class: "label", "text-anchor": narrow ? "start" : "end" }, name);
    }
    return;
  }
  const y = narrow ? lane.y - 3 : lane.y + (lane.tall ? 20 : lane.height / 2 + 4.2);
  draw(group, "text", { x: narrow ? 8 : 16, y, class: "label" }, lane.name + (narrow && lane.note ? " " + lane.note : ""));
  if (!narrow && lane.key) lane.key.forEach(([colour, dash, name], index) => {
    const at = lane.y + lane.height - 8 - (lane.key.length - 1 - index) * 15;
    if (lane.key.length > 3 && index === 0) draw(group, "line", { x1: 16, x2: 34, y1: at - 4, y2: at - 4, stroke: colour, "stroke-width": 2.2 });
    else draw(group, "line", { x1: 16, x2: 34, y1: at - 4, y2: at - 4, stroke: colour, "stroke-width": 1.8, "stroke-dasharray": dash });
    draw(group, "text", { x: 40, y: at, class: "quiet tiny" }, name);
  });
}

function drawCursor(bottom, narrow) {
  const ms = view.cursor, layer = view.cursorLayer;
  if (ms === null || !layer || ms < view.from || ms > view.until) return;
  const x = xOf(ms), digits = view.until - view.from < 60000 ? 3 : view.until - view.from < 600000 ? 1 : 0, text = timeText(ms, digits);
  const half = widthOf(text) / 2 + 7, middle = Math.min(Math.max(x, plotLeft + half), plotRight - half);
  draw(layer, "line", { x1: x, x2: x, y1: AXIS - 4, y2: bottom, stroke: "var(--accent)", "stroke-width": 1 });
  draw(layer, "rect", { x: middle - half, y: 4, width: 2 * half, height: 20, rx: 6, fill: "var(--accent)" });
  draw(layer, "text", { x: middle, y: 18, "text-anchor": "middle", fill: "var(--card)" }, text);
  const unknown = data.gaps.some(([from, until]) => from < ms && ms < until);
  for (const lane of lanes) {
    const value = unknown ? "" : lane.at(ms);
    if (!value) continue;
    value.split("\n").forEach((line, index) => {
      if (narrow) { if (!index) draw(layer, "text", { x: plotRight, y: lane.y - 3, "text-anchor": "end", class: "tiny halo" }, line); return; }
      const y = lane.tall ? lane.y + 37 + index * 15 : lane.y + lane.height / 2 + 4.2;
      draw(layer, "text", lane.tall ? { x: 16, y, class: "tiny" } : { x: plotLeft - 10, y, "text-anchor": "end", class: "tiny" }, fitted(line, lane.tall ? LABELS - 24 : 58));
    });
  }
}

function drawOverview(width, narrow) {
  const height = 44, saved = [view.from, view.until, plotLeft, plotRight];
  const strip = overview.firstElementChild || overview.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  strip.replaceChildren();
  strip.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const window0 = view.from, window1 = view.until;
  [view.from, view.until] = [axisFrom, axisUntil];
  overview.scale = [plotLeft, plotRight];
  for (const span of spans(data.pilot)) {
    const colour = span.row[4] ? "var(--state-c)" : `var(--state-${/^[B-F]$/.test(span.row[1]) ? span.row[1].toLowerCase() : "a"})`;
    draw(strip, "rect", { x: xOf(span.from), y: 34, width: Math.max(1, xOf(span.until) - xOf(span.from)), height: 5, fill: colour });
  }
  const power = data.curve.map((point) => [point[0], point[1]]), top = power.reduce((most, point) => Math.max(most, point[1]), 1);
  const path = curvePath(power, (watts) => 32 - (Math.max(0, watts) / top) * 26);
  if (path) draw(strip, "path", { d: path, fill: "none", stroke: "var(--power)", "stroke-width": 1.3 });
  const x0 = xOf(window0), x1 = xOf(window1);
  [view.from, view.until, plotLeft, plotRight] = saved;
  if (!narrow) draw(strip, "text", { x: 16, y: 26, class: "quiet tiny" }, "Whole session");
  draw(strip, "rect", { x: x0, y: 3, width: Math.max(3, x1 - x0), height: 38, rx: 5, fill: "var(--window)", stroke: "var(--accent)", "stroke-width": 1.2 });
  for (const x of [x0, x1]) draw(strip, "rect", { x: x - 2.5, y: 14, width: 5, height: 16, rx: 2.5, fill: "var(--accent)" });
}

// --- pointing --------------------------------------------------------------------------------------------------------

const scaleNow = () => Math.max(300, chart.clientWidth) / Math.max(1, chart.clientWidth);
function hitAt(event, x) {
  const y = (event.clientY - chart.getBoundingClientRect().top) * scaleNow();
  const over = hits.filter((hit) => x >= hit.x0 && x <= hit.x1 && y >= hit.y0 && y <= hit.y1);
  return over.sort((a, b) => (a.open ? 0 : 1) - (b.open ? 0 : 1) || a.x1 - a.x0 - (b.x1 - b.x0))[0] || null;
}

function hover(event, x) {
  view.cursor = x >= plotLeft && x <= plotRight ? msOf(x) : null;
  const bottom = canvas.viewBox.baseVal.height;
  view.cursorLayer.replaceChildren();
  drawCursor(bottom, chart.clientWidth < NARROW_PAGE);
  const hit = hitAt(event, x);
  chart.style.cursor = hit && hit.open ? "pointer" : "";
  if (!hit) return hideTip();
  tip.textContent = hit.tip;
  tip.hidden = false;
  const box = chart.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = x + 16 + size.width > box.width ? Math.max(4, x - 14 - size.width) : x + 16;
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(4, event.clientY - box.top + (event.clientY + size.height + 24 > window.innerHeight ? -size.height - 12 : 16))}px`;
}
function hideTip() { tip.hidden = true; }

function clicked(event, x) {
  hover(event, x);
  const hit = hitAt(event, x);
  if (hit && hit.open) hit.open();
}
