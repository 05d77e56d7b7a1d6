// The session's data and the small words all other parts use: elements, times, numbers. Text is only ever set as text.
"use strict";
const data = JSON.parse(document.getElementById("session-data").textContent);
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, parent = null, text = null) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function draw(parent, name, attributes, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== null) made.textContent = text;
  if (name === "text" && attributes.fill) made.style.fill = attributes.fill; // the style sheet would win
  parent.append(made);
  return made;
}

const measuring = document.createElement("canvas").getContext("2d");
const measured = new Map();
/** Width of a text in px, at 12 px as all of the chart's. */
function widthOf(text, bold = false) {
  const key = (bold ? "b" : "n") + text;
  let width = measured.get(key);
  if (width === undefined) {
    measuring.font = (bold ? "600 " : "") + "12px " + getComputedStyle(document.documentElement).getPropertyValue("--sans");
    width = measuring.measureText(text).width;
    if (measured.size > 5000) measured.clear();
    measured.set(key, width);
  }
  return width;
}

/** `text` as far as it fits, with an ellipsis; "" when not even three letters fit. */
function fitted(text, room) {
  if (widthOf(text) <= room) return text;
  let count = Math.min(text.length, Math.floor(room / 5));
  while (count > 2 && widthOf(text.slice(0, count) + "…") > room) count--;
  return count > 2 ? text.slice(0, count) + "…" : "";
}

// --- times: everything is ms since the axis began ------------------------------------------------------------------

const settings = { sincePlugIn: false, printing: false };
const two = (number) => String(number).padStart(2, "0");

function clockText(ms, digits = 0) {
  const at = new Date(data.began + Math.floor(ms));
  const fraction = digits ? "." + String(at.getMilliseconds()).padStart(3, "0").slice(0, digits) : "";
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}${fraction}`;
}

function sinceText(ms, digits = 0) {
  const value = ms - data.plugged;
  const size = Math.abs(digits ? value : Math.round(value / 1000) * 1000);
  const seconds = Math.floor(size / 1000);
  const fraction = digits ? "." + String(Math.floor(size % 1000)).padStart(3, "0").slice(0, digits) : "";
  const hours = Math.floor(seconds / 3600);
  const head = hours ? `${hours}:${two(Math.floor(seconds / 60) % 60)}` : `${Math.floor(seconds / 60)}`;
  return `${value < 0 && size ? "−" : "+"}${head}:${two(seconds % 60)}${fraction}`;
}

const timeText = (ms, digits = 0) => (settings.sincePlugIn ? sinceText(ms, digits) : clockText(ms, digits));

function spanText(ms) {
  if (ms < 1000) return `${ms < 100 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${Math.round(ms / 100) / 10} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
}

/** How long an answer took, of how long it might have taken (null: nobody says); -1: there was none. */
const answeredText = (took, allowed) => (took < 0 ? "no answer" : `answered after ${spanText(took)}${allowed ? ` of ${spanText(allowed)} allowed` : ""}`);

const rounded = (value, digits) => Number(value.toFixed(digits)).toLocaleString("en", { maximumFractionDigits: digits, useGrouping: false });
const powerText = (watts) => (Math.abs(watts) >= 1000 ? rounded(watts / 1000, 2) + " kW" : rounded(watts, 0) + " W");
const energyText = (wh) => (Math.abs(wh) >= 1000 ? rounded(wh / 1000, 2) + " kWh" : rounded(wh, 1) + " Wh");

// --- looking up ------------------------------------------------------------------------------------------------------

/** Index of the last entry with at(entry) <= ms; -1 before the first. */
function lastBefore(list, ms, at = (entry) => entry[0]) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(list[middle]) <= ms) low = middle + 1; else high = middle;
  }
  return low - 1;
}
const itself = (value) => value;
const valueAt = (list, ms) => list[lastBefore(list, ms)] || null;

/** [value, ...][from] -> spans with an end. */
function spans(list) {
  return list.map((row, index) => ({ from: row[0], until: index + 1 < list.length ? list[index + 1][0] : data.length, row }));
}

for (const run of [...data.car, ...data.office]) {
  let at = run.t;
  run.times = [at, ...run.s.map((step) => (at += step))];
  run.last = at;
  run.count = run.times.length;
}
