// The plain lanes: bars (states with a length), curves (power, energy, current), marks (moments). Each lane knows its
// height, draws itself at a given y and says in words what it shows at a time.
const PHASE_COLOURS = ["var(--car)", "var(--bad)", "var(--office)"], PHASE_DASHES = ["", "5 3", "2 2"];
const LIMIT_COLOURS = {
  hardware: "var(--state-a)", cable: "#7fb8dd", budget: "#e9c46a", site: "#e9c46a", csms: "#c99ac6", temperature: "#ef9a6b", car: "#8fd3bd",
};
const STATE_WORDS = {
  A: "no car", B: "car connected", C: "car wants power", D: "car wants power and ventilation", E: "pilot shorted or no power", F: "station not available", "?": "not known yet",
};
const CHARGING_COLOURS = { Charging: "var(--state-c)", EVConnected: "var(--state-b)", SuspendedEV: "var(--state-d)", SuspendedEVSE: "var(--state-e)", Idle: "var(--state-a)" };

let hits = []; // what can be pointed at in this frame: {x0, x1, y0, y1, tip, open?}

/** A row of bars. `spans`: [{from, until, text, short?, colour, soft?, tip}] */
function drawBars(group, y, height, list) {
  let lastX = -1;
  for (const span of list) {
    if (span.until < view.from || span.from > view.until) continue;
    const x0 = Math.max(plotLeft, xOf(span.from)), x1 = Math.min(plotRight, xOf(span.until));
    const width = Math.max(x1 - x0, 1);
    if (width <= 1 && x0 - lastX < 1) continue;
    lastX = x1;
    const box = { x: x0, y: y + 2, width: Math.max(width - 1, 1), height: height - 4, rx: Math.min(4, width / 3), fill: span.colour };
    if (span.hatched) draw(group, "rect", { ...box, fill: "none", stroke: span.colour });
    draw(group, "rect", span.hatched ? { ...box, fill: "url(#hatch)" } : box);
    const text = [span.text, span.short].find((each) => each && widthOf(each, !span.hatched) + 12 <= width) || "";
    if (text) draw(group, "text", { x: x0 + 6, y: y + height / 2 + 4.2, class: span.hatched ? "quiet" : "on-state" }, text);
    hits.push({ x0, x1: x0 + Math.max(width, 3), y0: y, y1: y + height, tip: `${span.tip}\n${timeText(span.from, 1)} · ${spanText(span.until - span.from)}` });
  }
}

const dutyText = (mode, duty) => (mode === "duty" ? rounded(duty, 1) + " %" : mode === "x1" ? "+12 V" : mode === "e" ? "0 V" : mode === "f" ? "−12 V" : mode);
function ampsOfDuty(duty) {
  if (duty < 8 || duty > 97) return null; // 5 %: digital communication
  return duty <= 85 ? duty * 0.6 : (duty - 64) * 2.5; // IEC 61851-1 table A.7
}
function dutyMeans(mode, duty) {
  if (mode === "x1") return "no current may be drawn";
  if (mode === "e" || mode === "f") return "station not available";
  const amps = ampsOfDuty(duty);
  return amps === null ? "digital communication" : `${rounded(amps, 1)} A offered`;
}

function barLanes() {
  const pilot = spans(data.pilot);
  const merged = (key, make) => {
    const found = [];
    for (const span of pilot) {
      const last = found[found.length - 1];
      if (last && last.key === key(span.row)) last.until = span.until;
      else found.push({ key: key(span.row), ...make(span.row), from: span.from, until: span.until });
    }
    return found;
  };
  const lanes = [];
  const add = (name, list, height = 26) => {
    if (list.length) lanes.push({ name, height, draw: (group, y) => drawBars(group, y, height, list), at: (ms) => (list.find((span) => span.from <= ms && ms < span.until) || {}).now || "" });
  };
  add("Transaction", data.transactions.flatMap((one) => {
    const end = one.until === null ? data.length : one.until;
    const states = one.states && one.states.length ? one.states : [[one.from, "running"]];
    return states.filter((state) => state[0] < end).map((state, index, kept) => ({
      from: state[0], until: index + 1 < kept.length ? kept[index + 1][0] : end, text: state[1], now: state[1],
      colour: CHARGING_COLOURS[state[1]] || "var(--state-a)", tip: `Transaction ${one.id}\n${state[1]}`,
    }));
  }));
  add("Pilot state", merged((row) => row[1], (row) => ({
    text: `${row[1]} · ${STATE_WORDS[row[1]] || ""}`, short: row[1], now: row[1], colour: `var(--state-${/^[A-F]$/.test(row[1]) ? row[1].toLowerCase() : "a"})`,
    tip: `Pilot state ${row[1]}: ${STATE_WORDS[row[1]] || ""}`,
  })));
  add("Duty", merged((row) => row[2] + row[3], (row) => {
    const text = dutyText(row[2], row[3]), means = dutyMeans(row[2], row[3]);
    const nominal = row[2] === "duty" && ampsOfDuty(row[3]) !== null;
    return { text: `${text} · ${means}`, short: text, now: text, hatched: row[2] !== "duty", tip: `Pilot shows ${text}: ${means}`,
      colour: row[2] !== "duty" ? "var(--faint)" : nominal ? "var(--duty-nominal)" : "var(--duty-digital)" };
  }));
  add("Contactor", merged((row) => String(row[4]) + (row[4] ? "" : row[6]), (row) => ({
    text: row[4] ? "closed" : row[6] ? `open: ${row[6]}` : "open", short: row[4] ? "closed" : "open", now: row[4] ? "closed" : "open",
    hatched: !row[4], colour: row[4] ? "var(--state-c)" : "var(--faint)", tip: row[4] ? "Contactor closed" : `Contactor open${row[6] ? ": " + row[6] : ""}`,
  })), 26);
  add("Limit", spans(data.limits).map(({ from, until, row }) => ({
    from, until, text: `${rounded(row[1], 1)} A · set by ${row[2]}`, short: `${rounded(row[1], 1)} A`, now: `${rounded(row[1], 1)} A`,
    colour: LIMIT_COLOURS[row[4]] || "var(--state-a)", tip: `Limit ${rounded(row[1], 1)} A${row[3] ? ` (${powerText(row[3])})` : ""}, set by ${row[2]}`,
  })));
  return lanes;
}

// --- curves ------------------------------------------------------------------------------------------------------------

function niceTop(value, steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return (steps.find((step) => step * unit >= value) || 10) * unit;
}

/** Path of a curve that holds each value until the next (`linear`: joins them); peaks survive where pixels are few. */
function curvePath(points, yOf, linear = false) {
  const first = Math.max(0, lastBefore(points, view.from)), end = Math.min(points.length - 1, lastBefore(points, view.until) + 1);
  const parts = [];
  let column = null, low = 0, high = 0, lastY = null;
  const close = () => {
    if (column === null || low === high) return;
    parts.push(`V${low.toFixed(1)}V${high.toFixed(1)}V${lastY.toFixed(1)}`);
  };
  for (let index = first; index <= end && index >= 0 && index < points.length; index++) {
    const x = Math.min(Math.max(xOf(points[index][0]), plotLeft - 2), plotRight + 2), y = yOf(points[index][1]);
    if (column !== null && Math.floor(x) === column && !linear) {
      low = Math.min(low, y); high = Math.max(high, y); lastY = y;
      continue;
    }
    close();
    if (lastY === null) parts.push(`M${x.toFixed(1)} ${y.toFixed(1)}`);
    else parts.push(linear ? `L${xOf(points[index][0]).toFixed(1)} ${y.toFixed(1)}` : `H${x.toFixed(1)}V${y.toFixed(1)}`);
    column = Math.floor(x); low = high = lastY = y;
  }
  close();
  if (lastY !== null && !linear && end === points.length - 1) parts.push(`H${Math.min(plotRight + 2, Math.max(plotLeft, xOf(Math.min(data.length, points[end][0] + 30000)))).toFixed(1)}`);
  return parts.join("");
}

/** Grid lines and, to be called after the curve is drawn, their words. */
function gridLines(group, y, height, top, unit, digits) {
  const shares = [0, 0.5, 1].map((share) => [share, y + height - share * height]);
  for (const [, at] of shares) draw(group, "line", { x1: plotLeft, x2: plotRight, y1: at, y2: at, stroke: "var(--grid)" });
  return () => shares.slice(1).forEach(([share, at]) => draw(group, "text", { x: plotLeft + 4, y: at + 12, class: "quiet tiny halo" }, `${rounded(top * share, digits)} ${unit}`));
}

function curveLanes() {
  const lanes = [], curve = data.curve;
  if (curve.length < 2) return lanes;
  const power = curve.map((point) => [point[0], point[1]]), energy = curve.map((point) => [point[0], point[2]]);
  const most = (list) => list.reduce((found, point) => Math.max(found, point[1]), 0);
  const topPower = niceTop(most(power) / 1000) * 1000, mostEnergy = most(energy), topEnergy = niceTop(mostEnergy * 1.1);
  lanes.push({
    name: "Power", note: "and energy", height: 128, tall: true,
    draw(group, y) {
      const height = 112, base = y + 8 + height;
      const big = topPower >= 2000;
      const words = gridLines(group, y + 8, height, big ? topPower / 1000 : topPower, big ? "kW" : "W", 1);
      const yPower = (watts) => base - (Math.max(0, watts) / topPower) * height, path = curvePath(power, yPower);
      if (path) {
        const [, startX] = /^M([-\d.]+)/.exec(path), ends = [...path.matchAll(/[HML]([-\d.]+)/g)], endX = ends[ends.length - 1][1];
        draw(group, "path", { d: `${path}L${endX} ${base}L${startX} ${base}Z`, fill: "var(--power-soft)" });
        draw(group, "path", { d: path, fill: "none", stroke: "var(--power)", "stroke-width": 1.8, "stroke-linejoin": "round" });
      }
      const yEnergy = (wh) => base - (wh / topEnergy) * height;
      draw(group, "path", { d: curvePath(energy, yEnergy, true), fill: "none", stroke: "var(--energy)", "stroke-width": 1.5, "stroke-dasharray": "6 4" });
      words();
      const label = energyText(topEnergy);
      draw(group, "text", { x: plotRight - 4, y: y + 20, class: "quiet tiny halo", "text-anchor": "end" }, label);
    },
    at: (ms) => { const point = valueAt(curve, ms); return point ? `${powerText(point[1])}\n${energyText(point[2])}` : ""; },
    key: [["var(--power)", "", "Power"], ["var(--energy)", "6 4", "Energy"]],
  });
  const phases = curve.reduce((found, point) => Math.max(found, point[3].length), 0);
  const limit = data.limits.map((row) => [row[0], row[1]]);
  const currents = Array.from({ length: Math.min(3, phases) }, (_, phase) => curve.filter((point) => point[3].length > phase).map((point) => [point[0], point[3][phase]]));
  if (phases) {
    const top = niceTop(Math.max(...currents.map(most), most(limit.filter((row) => row[1] <= 1000)), 1) * 1.05, [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10]);
    lanes.push({
      name: "Current", note: "and limit", height: 112, tall: true,
      draw(group, y) {
        const height = 96, base = y + 8 + height, yOf = (amps) => base - (Math.min(amps, top) / top) * height;
        const words = gridLines(group, y + 8, height, top, "A", 1);
        draw(group, "path", { d: curvePath(limit, yOf) + (limit.length ? `H${Math.min(plotRight, xOf(data.length)).toFixed(1)}` : ""), fill: "none", stroke: "var(--ink)", "stroke-width": 2.2 });
        currents.forEach((points, phase) => draw(group, "path", { d: curvePath(points, yOf), fill: "none", stroke: PHASE_COLOURS[phase], "stroke-width": 1.4, "stroke-dasharray": PHASE_DASHES[phase] }));
        words();
      },
      at: (ms) => { const point = valueAt(curve, ms); return point ? point[3].map((amps) => rounded(amps, 1)).join(" / ") + " A" : ""; },
      key: [["var(--ink)", "", "Limit"], ...currents.map((_, phase) => [PHASE_COLOURS[phase], PHASE_DASHES[phase], phases > 1 ? `L${phase + 1}` : "Current"])],
    });
  }
  const volts = curve.filter((point) => point[5] !== null && point[5] !== undefined).map((point) => [point[0], point[5]]);
  if (volts.length > 1) {
    const top = niceTop(most(volts) * 1.05);
    lanes.push({
      name: "Voltage", note: "at the output", height: 84, tall: true,
      draw(group, y) {
        const height = 68, base = y + 8 + height, words = gridLines(group, y + 8, height, top, "V", 0);
        draw(group, "path", { d: curvePath(volts, (value) => base - (value / top) * height), fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 });
        words();
      },
      at: (ms) => { const point = valueAt(volts, ms); return point ? `${rounded(point[1], 0)} V` : ""; },
    });
  }
  const charge = curve.filter((point) => point[4] !== null).map((point) => [point[0], point[4]]);
  if (charge.length > 1) lanes.push({
    name: "Battery", height: 52, tall: true,
    draw(group, y) {
      const words = gridLines(group, y + 6, 40, 100, "%", 0);
      draw(group, "path", { d: curvePath(charge, (percent) => y + 46 - percent * 0.4, true), fill: "none", stroke: "var(--car)", "stroke-width": 1.8 });
      words();
    },
    at: (ms) => { const point = valueAt(charge, ms); return point ? rounded(point[1], 1) + " %" : ""; },
  });
  return lanes;
}

// --- faults and marks ----------------------------------------------------------------------------------------------------

function faultLane() {
  if (!data.faults.length) return [];
  const rows = []; // each row: the end of its last fault
  const placed = data.faults.map((fault) => {
    const until = fault[1] === null ? data.length : fault[1];
    let row = rows.findIndex((end) => end < fault[0]);
    if (row < 0) row = Math.min(rows.length, 3);
    rows[row] = until;
    const text = fault[3] || fault[2];
    return { row, from: fault[0], until, text: `⚠ ${text}`, short: "⚠", colour: "var(--state-f)", tip: `Fault ${fault[2]}: ${text}`, now: fault[2] };
  });
  const count = rows.length;
  return [{
    name: "Faults", height: 26 * count, at: (ms) => placed.filter((fault) => fault.from <= ms && ms < fault.until).map((fault) => fault.now).join(", "),
    draw: (group, y) => { for (let row = 0; row < count; row++) drawBars(group, y + 26 * row, 26, placed.filter((fault) => fault.row === row)); },
  }];
}

function markLane() {
  const told = hasOffice ? data.marks.filter((mark) => mark[1] !== "status" || mark[4]) : data.marks; // the ladder tells the rest
  const list = told.map((mark) => ({ at: mark[0], title: mark[2], tone: mark[4], tip: [mark[2], mark[3]].filter(Boolean).join("\n") }));
  for (const one of data.transactions) for (const event of one.events) {
    if (event[1] !== "Updated") list.push({ at: event[0], title: `Transaction ${event[1].toLowerCase()}`, tone: "", tip: `Transaction ${event[1].toLowerCase()}\n${event[2]}${event[4] ? "\n" + event[4] : ""}` });
  }
  if (!list.length) return [];
  list.sort((a, b) => a.at - b.at);
  return [{
    name: "Events", height: 64, at: () => "",
    draw(group, y) {
      const ends = [-1e9, -1e9, -1e9];
      let lastDot = -1e9;
      const lines = draw(group, "g", {}); // below every title
      for (const mark of list) {
        if (mark.at < view.from || mark.at > view.until) continue;
        const x = xOf(mark.at), width = widthOf(mark.title) + 12;
        const colour = mark.tone === "bad" ? "var(--bad)" : mark.tone === "good" ? "var(--good)" : "var(--muted)";
        const left = x + width > plotRight; // the last ones are written towards the left
        let row = ends.findIndex((end) => end < (left ? x - width : x) - 2);
        if (row < 0 && x - lastDot < 3) continue;
        lastDot = x;
        const at = row < 0 ? y + 59 : y + 11 + row * 17;
        draw(lines, "line", { x1: x, x2: x, y1: y + 2, y2: y + 62, stroke: colour, "stroke-opacity": 0.35 });
        draw(group, "circle", { cx: x, cy: at, r: 3.5, fill: mark.tone === "bad" ? colour : "var(--card)", stroke: colour, "stroke-width": 1.6 });
        hits.push({ x0: x - 5, x1: row < 0 ? x + 5 : left ? x : x + width, y0: at - 8, y1: at + 8, tip: `${mark.tip}\n${timeText(mark.at, 1)}` });
        if (row < 0) continue;
        draw(group, "text", { x: left ? x - 7 : x + 7, y: at + 4, class: "halo", "text-anchor": left ? "end" : "start", fill: colour }, mark.title);
        ends[row] = left ? x + 6 : x + width;
      }
    },
  }];
}
