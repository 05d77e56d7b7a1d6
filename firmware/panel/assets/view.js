// Which part of the axis is shown, and every way to move it: wheel, drag, pinch, keys, buttons, the strip below.
const view = { from: 0, until: data.length, selecting: null, cursor: null };
const SHORTEST_VIEW = 20; // ms
const room = Math.max(500, data.length * 0.012); // a little air on both sides
const axisFrom = -room, axisUntil = data.length + room;
let plotLeft = 0, plotRight = 100; // px, set by the layout

const xOf = (ms) => plotLeft + ((ms - view.from) / (view.until - view.from)) * (plotRight - plotLeft);
const msOf = (x) => view.from + ((x - plotLeft) / (plotRight - plotLeft)) * (view.until - view.from);

let pendingFrame = 0;
function redraw() {
  if (!pendingFrame) pendingFrame = requestAnimationFrame(() => { pendingFrame = 0; drawAll(); });
}

function show(from, until) {
  const width = Math.min(Math.max(until - from, SHORTEST_VIEW), axisUntil - axisFrom);
  const middle = (from + until) / 2;
  view.from = Math.min(Math.max(middle - width / 2, axisFrom), axisUntil - width);
  view.until = view.from + width;
  redraw();
  viewChanged();
}
const zoom = (factor, around = (view.from + view.until) / 2) =>
  show(around - (around - view.from) * factor, around + (view.until - around) * factor);
const pan = (ms) => show(view.from + ms, view.until + ms);
const showAll = () => show(axisFrom, axisUntil);

function gestures(chart) {
  const pointers = new Map();
  let start = null;
  const place = (event) => event.clientX - chart.getBoundingClientRect().left;

  chart.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const zooming = event.ctrlKey || event.metaKey || (document.activeElement === chart && !sideways);
    if (!zooming && !sideways) return; // the page scrolls
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    const delta = (sideways && !event.ctrlKey ? event.deltaX || event.deltaY : event.deltaY) * unit;
    if (zooming) zoom(Math.exp(Math.max(-120, Math.min(120, delta)) * 0.0025), msOf(place(event)));
    else pan((delta * (view.until - view.from)) / (plotRight - plotLeft));
  }, { passive: false });

  chart.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, place(event));
    start = { x: place(event), y: event.clientY, from: view.from, until: view.until, moved: false, selects: event.shiftKey };
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      start.pinch = { apart: Math.max(20, Math.abs(a - b)), around: msOf((a + b) / 2) };
    }
  });

  chart.addEventListener("pointermove", (event) => {
    const x = place(event);
    if (!pointers.has(event.pointerId) || !start) return hover(event, x);
    pointers.set(event.pointerId, x);
    const perPixel = (start.until - start.from) / (plotRight - plotLeft);
    if (start.pinch && pointers.size === 2) {
      const [a, b] = [...pointers.values()];
      const width = (start.until - start.from) * (start.pinch.apart / Math.max(20, Math.abs(a - b)));
      const share = ((a + b) / 2 - plotLeft) / (plotRight - plotLeft);
      show(start.pinch.around - width * share, start.pinch.around + width * (1 - share));
      start.moved = true;
      return;
    }
    if (!start.moved && Math.abs(x - start.x) < 4) return;
    if (!start.moved) chart.setPointerCapture(event.pointerId);
    start.moved = true;
    if (start.selects) view.selecting = [msOf(start.x), msOf(x)].sort((a, b) => a - b);
    else {
      chart.classList.add("panning");
      show(start.from - (x - start.x) * perPixel, start.until - (x - start.x) * perPixel);
    }
    redraw();
  });

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (start && !start.moved && event.type === "pointerup") clicked(event, place(event));
    if (view.selecting && event.type === "pointerup") show(...view.selecting);
    view.selecting = null;
    chart.classList.remove("panning");
    if (!pointers.size) start = null;
    redraw();
  };
  chart.addEventListener("pointerup", release);
  chart.addEventListener("pointercancel", release);
  chart.addEventListener("pointerleave", () => { view.cursor = null; hideTip(); redraw(); });
  chart.addEventListener("dblclick", (event) => zoom(event.altKey ? 3 : 1 / 3, msOf(place(event))));
  chart.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const width = view.until - view.from;
    const moves = {
      ArrowLeft: () => pan(-width / 8), ArrowRight: () => pan(width / 8), "+": () => zoom(0.6), "=": () => zoom(0.6),
      "-": () => zoom(1 / 0.6), 0: showAll, Home: () => show(axisFrom, axisFrom + width),
      End: () => show(axisUntil - width, axisUntil), Escape: closeDetails,
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });
}

function overviewGestures(strip, msAt) {
  let grip = null;
  strip.addEventListener("pointerdown", (event) => {
    strip.setPointerCapture(event.pointerId);
    const at = msAt(event), width = view.until - view.from, edge = (axisUntil - axisFrom) * 0.012;
    if (Math.abs(at - view.from) < edge) grip = { until: view.until };
    else if (Math.abs(at - view.until) < edge) grip = { from: view.from };
    else grip = { offset: at > view.from && at < view.until ? at - view.from : width / 2 };
    moved(event);
  });
  const moved = (event) => {
    if (!grip) return;
    const at = msAt(event);
    if (grip.until !== undefined) show(Math.min(at, grip.until - SHORTEST_VIEW), grip.until);
    else if (grip.from !== undefined) show(grip.from, Math.max(at, grip.from + SHORTEST_VIEW));
    else show(at - grip.offset, at - grip.offset + (view.until - view.from));
  };
  strip.addEventListener("pointermove", moved);
  strip.addEventListener("pointerup", () => (grip = null));
  strip.addEventListener("pointercancel", () => (grip = null));
}
