// The ladder: car, station and back office as three rails, every exchange as an arrow between two of them. What is too
// dense for single arrows becomes a band that says how many; what is too near for a label of its own is counted.
const LABEL_ROW = 17, LABEL_ROWS = 4, RAIL_GAP = 52;
const NARROW = 22, TOUCHING = 4; // px

const hasCar = data.car.length > 0, hasOffice = data.office.length > 0 || data.links.length > 0;

/** What of the runs is in view, as things to draw from left to right. */
function visibleParts(runs) {
  const parts = [];
  for (const run of runs) {
    if (run.t > view.until || run.last < view.from) continue;
    const first = Math.max(0, lastBefore(run.times, view.from, itself)), last = lastBefore(run.times, view.until, itself);
    const count = last - first + 1, x0 = xOf(run.times[first]), x1 = xOf(run.times[last]);
    // a band says once what single labels would say again and again
    if (count > 2 && (x1 - x0) / count < widthOf(run.n) + 20) parts.push({ run, first, count, x0: Math.max(x0, plotLeft), x1: Math.min(x1 + 2, plotRight), total: run.count });
    else for (let index = first; index <= last; index++) {
      const x = xOf(run.times[index]);
      if (x < plotLeft - 1 || x > plotRight + 1) continue;
      parts.push({ run, first: index, count: 1, x0: x, x1: run.d[index] > 0 ? xOf(run.times[index] + run.d[index]) : x });
    }
  }
  return clustered(parts.sort((a, b) => a.x0 - b.x0));
}

function clustered(parts) {
  const clusters = [];
  for (const part of parts) {
    const last = clusters[clusters.length - 1];
    const near = last && part.x0 - last.x1 < TOUCHING && part.x1 - part.x0 < NARROW && last.x1 - last.x0 < NARROW;
    if (near && !part.run.e === !last.failed) {
      last.parts.push(part);
      last.x1 = Math.max(last.x1, part.x1);
      last.count += part.count;
    } else clusters.push({ parts: [part], x0: part.x0, x1: part.x1, count: part.count, failed: part.run.e });
  }
  return clusters;
}

function clusterLabel(cluster) {
  const name = cluster.parts[0].run.n, same = cluster.parts.every((part) => part.run.n === name);
  const count = cluster.count.toLocaleString("en");
  const text = cluster.count === 1 ? name : same ? `${count} × ${name}` : `${name} +${cluster.count - 1}`;
  return cluster.failed ? `✕ ${text}` : text;
}

function clusterTip(cluster, sides) {
  const part = cluster.parts[0], run = part.run;
  if (cluster.count === 1) {
    const took = run.d[part.first], texts = run.x[part.first];
    const lines = [`${run.n}: ${run.f ? sides[0] : sides[1]} → ${run.f ? sides[1] : sides[0]}`];
    if (texts) lines.push(...texts.filter(Boolean).map((text) => (text.length > 160 ? text.slice(0, 160) + "…" : text)));
    lines.push(`${timeText(run.times[part.first], 3)} · ${answeredText(took, run.a)}`);
    return lines.join("\n");
  }
  const names = new Map();
  for (const each of cluster.parts) names.set(each.run.n, (names.get(each.run.n) || 0) + each.count);
  const listed = [...names].slice(0, 12).map(([name, count]) => (count > 1 ? `${count} × ${name}` : name));
  const until = cluster.parts[cluster.parts.length - 1];
  const end = until.run.times[until.first + until.count - 1];
  return [...listed, names.size > 12 ? "…" : "", `${timeText(run.times[part.first], 1)} to ${timeText(end, 1)}`].filter(Boolean).join("\n");
}

/** Rows for labels so that nothing crosses: written towards the right from right to left, each in the lowest free row.
 * Those that would leave the plot (`atEdge`) are written towards the left; `edgeOnTop` begins them in the highest row. */
function labelRows(wanted, rows, edgeOnTop) {
  const placed = [];
  const free = (label, row) => !placed.some((other) =>
    (other.row === row && label.left < other.right + 3 && label.right > other.left - 3) || // on another label
    (other.row < row && label.x > other.left - 3 && label.x < other.right + 3) || // its line through that text
    (other.row > row && other.x > label.left - 2 && other.x < label.right + 2)); // that line through its text
  const upwards = Array.from({ length: rows }, (_, row) => row), downwards = [...upwards].reverse();
  const edge = wanted.filter((each) => each.atEdge), others = wanted.filter((each) => !each.atEdge).reverse();
  for (const label of [...(edgeOnTop ? edge.reverse() : edge), ...others]) {
    const row = (edgeOnTop && label.atEdge ? downwards : upwards).find((each) => free(label, each));
    if (row !== undefined) placed.push({ ...label, row });
  }
  return placed;
}

/** Labels beside a rail. `side` -1: above, +1: below. */
function placeLabels(group, clusters, railY, side, colour, rows) {
  const wanted = clusters.filter((cluster) => !cluster.labelled).map((cluster) => {
    const text = clusterLabel(cluster), width = widthOf(text, cluster.failed) + 10;
    const x = Math.max(plotLeft, Math.min(plotRight, (cluster.x0 + cluster.x1) / 2)), atEdge = x - 5 + width > plotRight;
    return { cluster, text, x, atEdge, left: atEdge ? x + 5 - width : x - 5, right: atEdge ? x + 5 : x - 5 + width };
  });
  const low = labelRows(wanted, rows, false), high = low.length < wanted.length ? labelRows(wanted, rows, true) : low;
  for (const { cluster, text, x, atEdge, left, right, row } of high.length > low.length ? high : low) {
    const y = railY + side * (14 + row * LABEL_ROW);
    draw(group, "path", { d: `M${x.toFixed(1)} ${railY}V${y - side * 5}`, stroke: colour, "stroke-opacity": 0.45, fill: "none" });
    draw(group, "text", { x: atEdge ? right - 5 : left + 5, y: y + 4, "text-anchor": atEdge ? "end" : "start", fill: cluster.failed ? "var(--bad)" : colour, class: "halo" + (cluster.failed ? " label" : "") }, text);
    hits.push({ x0: left, x1: right, y0: y - 8, y1: y + 8, tip: cluster.tip, open: cluster.open });
  }
}

function arrow(x, from, to, size) {
  const way = Math.sign(to - from), reach = Math.min(3.2, size);
  return `M${x.toFixed(1)} ${from}V${to}M${(x - reach).toFixed(1)} ${to - way * 5}L${x.toFixed(1)} ${to}L${(x + reach).toFixed(1)} ${to - way * 5}`;
}

function drawExchanges(group, runs, top, bottom, colour, sides, side, rows) {
  const clusters = visibleParts(runs);
  const lines = { good: [], bad: [] }, pills = [];
  for (const cluster of clusters) {
    cluster.tip = clusterTip(cluster, sides);
    cluster.open = () => openCluster(cluster, sides);
    const part = cluster.parts[0], run = part.run, list = cluster.failed ? lines.bad : lines.good;
    const fill = cluster.failed ? "var(--bad)" : colour;
    if (cluster.count > 1) {
      const x0 = Math.max(plotLeft, cluster.x0 - 1.5), width = Math.max(3, Math.min(plotRight, cluster.x1 + 1.5) - x0);
      draw(group, "rect", { x: x0, y: top, width, height: bottom - top, fill, "fill-opacity": width > 60 ? 0.1 : 0.16, rx: 2 });
      const step = (part.x1 - part.x0) / Math.max(1, part.count - 1);
      if (cluster.parts.length === 1 && step >= 2.5) {
        const ask = run.f ? [top, bottom] : [bottom, top];
        for (let n = 0; n < part.count; n++) {
          const x = xOf(run.times[part.first + n]);
          list.push(step < 9 ? `M${x.toFixed(1)} ${top}V${bottom}` : arrow(x, ...ask, 4) + arrow(x, ask[1], ask[0], 4));
        }
      }
      else list.push(`M${x0 + 0.7} ${top}V${bottom}M${x0 + width - 0.7} ${top}V${bottom}`);
      const label = clusterLabel(cluster), room = widthOf(label) + 16;
      if (room <= width) {
        cluster.labelled = true;
        pills.push({ middle: x0 + width / 2, room, label, fill });
      }
    } else {
      const ask = run.f ? [top, bottom] : [bottom, top], back = run.d[part.first] >= 0;
      const apart = part.x1 - part.x0;
      if (!back) list.push(arrow(part.x0, ...ask, 4));
      else if (apart < 7) list.push(arrow(part.x0, ...ask, 4), arrow(part.x0, ask[1], ask[0], 4));
      else {
        draw(group, "rect", { x: part.x0, y: top, width: apart, height: bottom - top, fill, "fill-opacity": 0.1 });
        list.push(arrow(part.x0, ...ask, 4), arrow(part.x1, ask[1], ask[0], 4));
        const took = spanText(run.d[part.first]);
        if (widthOf(took) + 10 < apart) draw(group, "text", { x: (part.x0 + part.x1) / 2, y: (top + bottom) / 2 + 4, "text-anchor": "middle", class: "quiet tiny" }, took);
      }
    }
    hits.push({ x0: Math.min(cluster.x0 - 4, cluster.x0), x1: Math.max(cluster.x1, cluster.x0) + 4, y0: top - 4, y1: bottom + 4, tip: cluster.tip, open: cluster.open });
  }
  draw(group, "path", { d: lines.good.join(""), fill: "none", stroke: colour, "stroke-width": 1.3 });
  draw(group, "path", { d: lines.bad.join(""), fill: "none", stroke: "var(--bad)", "stroke-width": 1.8 });
  for (const pill of pills) {
    const y = (top + bottom) / 2;
    draw(group, "rect", { x: pill.middle - pill.room / 2 + 3, y: y - 9.5, width: pill.room - 6, height: 19, rx: 9.5, fill: "var(--card)", stroke: pill.fill });
    draw(group, "text", { x: pill.middle, y: y + 4.2, "text-anchor": "middle" }, pill.label);
  }
  placeLabels(group, clusters, side < 0 ? top : bottom, side, colour, rows);
}

function rail(group, y, width, colour) {
  draw(group, "line", { x1: plotLeft, x2: plotRight, y1: y, y2: y, stroke: colour, "stroke-width": width });
}

function ladderLane() {
  if (!hasCar && !hasOffice) return [];
  const officeRows = 3, top = hasCar ? 8 + LABEL_ROWS * LABEL_ROW : 0;
  const carY = top, stationY = hasCar ? carY + RAIL_GAP : 14, officeY = stationY + RAIL_GAP;
  const height = hasOffice ? officeY + 8 + officeRows * LABEL_ROW : stationY + 14;
  const rails = [[stationY, "Station"]];
  if (hasCar) rails.unshift([carY, "Car"]);
  if (hasOffice) rails.push([officeY, "Back office"]);
  return [{
    name: "", height, rails, at: () => "",
    draw(group, y) {
      if (hasCar) {
        for (const session of data.sessions) {
          const x0 = Math.max(plotLeft, xOf(session[0])), x1 = Math.min(plotRight, xOf(session[1] === null ? data.length : session[1]));
          if (x1 > x0) draw(group, "rect", { x: x0, y: y + carY, width: x1 - x0, height: RAIL_GAP, fill: "var(--car)", "fill-opacity": 0.045 });
        }
        rail(group, y + carY, 1.5, "var(--car)");
        drawExchanges(group, data.car, y + carY, y + stationY, "var(--car)", ["Car", "Station"], -1, LABEL_ROWS);
      }
      if (hasOffice) {
        const links = spans(data.links);
        rail(group, y + officeY, 1.5, "var(--office)");
        for (const link of links) {
          if (link.row[1]) continue;
          const x0 = Math.max(plotLeft, xOf(link.from)), x1 = Math.min(plotRight, xOf(link.until));
          if (x1 <= x0) continue;
          draw(group, "rect", { x: x0, y: y + stationY + 1, width: x1 - x0, height: RAIL_GAP, fill: "url(#hatch)" });
          draw(group, "rect", { x: x0, y: y + officeY - 2, width: x1 - x0, height: 4, fill: "var(--card)" });
          if (x1 - x0 > widthOf("not connected") + 10) draw(group, "text", { x: (x0 + x1) / 2, y: y + officeY - RAIL_GAP / 2 + 4, "text-anchor": "middle", class: "halo", fill: "var(--bad)" }, "not connected");
          hits.push({ x0, x1, y0: y + stationY, y1: y + officeY, tip: `No connection to the back office${link.row[3] ? ": " + link.row[3] : ""}\n${timeText(link.from, 1)} · ${spanText(link.until - link.from)}` });
        }
        drawExchanges(group, data.office, y + stationY, y + officeY, "var(--office)", ["Station", "Back office"], 1, officeRows);
      }
      rail(group, y + stationY, 3, "var(--ink)");
    },
  }];
}
