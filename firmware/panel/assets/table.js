// The words: details of a message, the table of events with its filters, theme and buttons; then the first frame.
const details = byId("details");
function closeDetails() { details.hidden = true; }

function openCluster(cluster, sides) {
  if (cluster.parts.length > 1) {
    const last = cluster.parts[cluster.parts.length - 1];
    const from = cluster.parts[0].run.times[cluster.parts[0].first], until = last.run.times[last.first + last.count - 1];
    const air = Math.max(30, (until - from) * 0.15);
    if (until > from) show(from - air, until + air);
    return;
  }
  openExchange(cluster.parts[0].run, cluster.parts[0].first, sides);
}

/** One exchange in full, with steps to its neighbours in the run. */
function openExchange(run, index, sides) {
  const nearest = Object.keys(run.x).map(Number).sort((a, b) => Math.abs(a - index) - Math.abs(b - index))[0];
  const texts = run.x[index] || null, took = run.d[index];
  details.replaceChildren();
  const bar = element("div", { class: "bar" }, details);
  element("h3", {}, bar, `${run.n} · ${run.f ? sides[0] : sides[1]} → ${run.f ? sides[1] : sides[0]}`);
  if (run.count > 1) {
    const step = (text, label, to) => {
      const button = element("button", { type: "button", "aria-label": label }, bar, text);
      button.disabled = to < 0 || to >= run.count;
      button.addEventListener("click", () => { openExchange(run, to, sides); reveal(run.times[to]); });
    };
    step("‹", "Message before", index - 1);
    element("span", {}, bar, `${index + 1} of ${run.count}`);
    step("›", "Message after", index + 1);
  }
  element("button", { type: "button" }, bar, "Close").addEventListener("click", closeDetails);
  const when = `${clockText(run.times[index], 3)} (${sinceText(run.times[index], 3)} since plug-in)`;
  element("div", {}, details, `${when} · ${answeredText(took, run.a)}`);
  const shown = texts || run.x[nearest];
  if (!texts) element("div", {}, details, `The text of this one is not kept; number ${nearest + 1} of the same kind reads:`);
  ["Request", "Answer"].forEach((title, side) => {
    if (!shown || !shown[side]) return;
    const block = element("pre", {}, details);
    element("b", {}, block, title);
    block.append(pretty(shown[side]));
  });
  details.hidden = false;
}

function pretty(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function reveal(ms) {
  if (ms < view.from || ms > view.until) pan(ms - (view.from + view.until) / 2);
  view.cursor = ms;
  redraw();
}

// --- rows ------------------------------------------------------------------------------------------------------------

const WHO = { car: "Car", office: "Back office", pilot: "Pilot", limit: "Limit", transaction: "Transaction", fault: "Fault", token: "Token", status: "Station", station: "Station", security: "Station" };
const KINDS = [["all", "All"], ["car", "Car"], ["office", "Back office"], ["pilot", "Pilot"], ["limit", "Limits"], ["transaction", "Transaction"], ["fault", "Faults"], ["station", "Station"]];
const groupOf = (kind) => (kind === "token" ? "transaction" : kind === "status" || kind === "security" ? "station" : kind);

function allRows() {
  const rows = [];
  const add = (at, kind, title, detail = "", tone = "", open = null, until = at) => rows.push({ at, until, kind, title, detail, tone, open });
  for (const mark of data.marks) add(mark[0], mark[1], mark[2], mark[3], mark[4]);
  for (const row of data.pilot) {
    const state = row[4] ? "contactor closed" : "contactor open" + (row[6] ? `: ${row[6]}` : "");
    add(row[0], "pilot", `State ${row[1]}, ${dutyText(row[2], row[3])}`, `${dutyMeans(row[2], row[3])}; ${state}`);
  }
  for (const row of data.limits) add(row[0], "limit", `${rounded(row[1], 1)} A set by ${row[2]}`, row[3] ? powerText(row[3]) : "");
  for (const fault of data.faults) {
    add(fault[0], "fault", `${fault[3] || fault[2]}`, `${fault[2]}${fault[1] === null ? ", not cleared" : `, cleared after ${spanText(fault[1] - fault[0])}`}`, "bad");
  }
  for (const one of data.transactions) for (const [at, kind, trigger, number, reason] of one.events) {
    add(at, "transaction", `Transaction ${kind.toLowerCase()}`, [`${trigger}, number ${number}`, reason].filter(Boolean).join(", "), kind === "Updated" ? "" : "good");
  }
  const messages = (runs, kind, sides) => {
    for (const run of runs) {
      const texts = run.x[0] || ["", ""], worst = run.d.reduce((most, took) => Math.max(most, took), -1);
      const title = run.count > 1 ? `${run.count} × ${run.n}` : run.n;
      const took = worst >= 0 && run.count > 1 ? `slowest ${answeredText(worst, run.a)}, over ${spanText(run.last - run.t)}` : answeredText(worst, run.a);
      const shown = texts.filter(Boolean).map((text) => (text.length > 140 ? text.slice(0, 140) + "…" : text));
      add(run.t, kind, title, [took, ...shown].join("\n"), run.e ? "bad" : "", () => openExchange(run, 0, sides), run.last);
    }
  };
  messages(data.car, "car", ["Car", "Station"]);
  messages(data.office, "office", ["Station", "Back office"]);
  rows.sort((a, b) => a.at - b.at);
  for (const row of rows) row.find = `${WHO[row.kind]} ${row.title} ${row.detail}`.toLowerCase();
  return rows;
}

const PAGE = 300;
const table = { rows: allRows(), kind: "all", words: "", inView: false, most: PAGE };

function fillTable() {
  const found = table.rows.filter((row) => (table.kind === "all" || groupOf(row.kind) === table.kind) && row.find.includes(table.words) &&
    (!table.inView || (row.until >= view.from && row.at <= view.until)));
  const body = document.createDocumentFragment();
  for (const row of found.slice(0, table.most)) {
    const line = element("tr", { class: row.tone }, body);
    const when = element("td", { class: "when" }, line, timeText(row.at, 3));
    element("small", {}, when, settings.sincePlugIn ? clockText(row.at) : sinceText(row.at, 1));
    element("span", { class: `tag ${row.kind}` }, element("td", { class: "who" }, line), WHO[row.kind]);
    const button = element("button", { type: "button", title: "Show in the timeline" }, element("td", { class: "what" }, line), row.title);
    element("td", { class: "more" }, line, row.detail).style.whiteSpace = "pre-line";
    line.addEventListener("click", () => {
      if (row.open) row.open(); else closeDetails();
      reveal(row.at);
      for (const other of byId("rows").children) other.classList.toggle("here", other === line);
    });
    button.addEventListener("focus", () => { view.cursor = row.at; redraw(); });
  }
  byId("rows").replaceChildren(body);
  byId("count").textContent = found.length > table.most ? `${table.most} of ${found.length} events` : `${found.length} event${found.length === 1 ? "" : "s"}`;
  byId("more").hidden = found.length <= table.most;
}

let pendingTable = 0;
function viewChanged() {
  clearTimeout(pendingTable);
  pendingTable = setTimeout(() => {
    if (table.inView) fillTable();
    const part = view.until - view.from < axisUntil - axisFrom ? `#${Math.round(view.from)}..${Math.round(view.until)}` : "#";
    history.replaceState(null, "", part); // the address can be passed on: it opens at this part
  }, 150);
}

function viewOfAddress() {
  const found = /^#(-?\d{1,12})\.\.(-?\d{1,12})$/.exec(location.hash);
  if (found && Number(found[1]) < Number(found[2])) show(Number(found[1]), Number(found[2]));
}

// --- buttons -----------------------------------------------------------------------------------------------------------

function presets() {
  const found = [["Everything", axisFrom, axisUntil]];
  const closed = spans(data.pilot).filter((span) => span.row[4]);
  const air = (from, until) => [from - Math.max(300, (until - from) * 0.05), until + Math.max(300, (until - from) * 0.05)];
  if (closed.length) {
    found.push(["Until power flows", ...air(Math.min(data.plugged, closed[0].from), closed[0].from)]);
    found.push(["Charging", ...air(closed[0].from, closed[closed.length - 1].until)]);
    found.push(["The end", ...air(closed[closed.length - 1].until - 1000, data.length)]);
  }
  for (const [name, from, until] of found) element("button", { type: "button" }, byId("presets"), name).addEventListener("click", () => show(from, until));
}

function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  byId("theme").textContent = wanted === "dark" ? "Light" : "Dark";
}

function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  theme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  byId("zoom-in").addEventListener("click", () => zoom(0.5));
  byId("zoom-out").addEventListener("click", () => zoom(2));
  byId("clock").addEventListener("click", () => {
    settings.sincePlugIn = !settings.sincePlugIn;
    byId("clock").setAttribute("aria-pressed", settings.sincePlugIn);
    redraw();
    fillTable();
  });
  for (const [kind, name] of KINDS) {
    if (kind !== "all" && !table.rows.some((row) => groupOf(row.kind) === kind)) continue;
    const button = element("button", { type: "button", "aria-pressed": kind === "all" }, byId("filters"), name);
    button.addEventListener("click", () => {
      Object.assign(table, { kind, most: PAGE });
      for (const other of byId("filters").children) other.setAttribute("aria-pressed", other === button);
      fillTable();
    });
  }
  byId("find").addEventListener("input", (event) => { Object.assign(table, { words: event.target.value.toLowerCase(), most: PAGE }); fillTable(); });
  byId("in-view").addEventListener("change", (event) => { table.inView = event.target.checked; fillTable(); });
  byId("more").addEventListener("click", () => { table.most += PAGE; fillTable(); });
  presets();
  gestures(chart);
  overviewGestures(overview, (event) => {
    const box = overview.getBoundingClientRect(), [left, right] = overview.scale;
    return axisFrom + ((event.clientX - box.left - left) / (right - left)) * (axisUntil - axisFrom);
  });
  new ResizeObserver(() => settings.printing || redraw()).observe(chart);
  let before = "";
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    theme("light");
    settings.printing = true;
    drawAll();
  });
  addEventListener("afterprint", () => { settings.printing = false; theme(before); redraw(); });
  [view.from, view.until] = [axisFrom, axisUntil];
  viewOfAddress();
  addEventListener("hashchange", viewOfAddress);
  drawAll();
  fillTable();
}
start();
