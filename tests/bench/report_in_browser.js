// Uses a session report in every way a person would; the value is the list of what did not work.
(async () => {
  const wrong = [], width = () => view.until - view.from, frame = () => new Promise((done) => setTimeout(done, 60));
  const check = (what, holds) => holds || wrong.push(what);
  const box = () => chart.getBoundingClientRect();
  const point = (kind, x, more = {}) => chart.dispatchEvent(new PointerEvent(kind,
    { clientX: box().left + x, clientY: box().top + 40, bubbles: true, pointerId: 1, button: 0, ...more }));
  const middle = (plotLeft + plotRight) / 2;
  const key = (name) => chart.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  showAll(); const whole = width();
  chart.dispatchEvent(new WheelEvent("wheel", { deltaY: -100, ctrlKey: true, clientX: box().left + middle, bubbles: true }));
  check("ctrl-wheel zooms in", width() < whole);
  chart.dispatchEvent(new WheelEvent("wheel", { deltaY: 100, clientX: box().left + middle, bubbles: true, cancelable: true }));
  key("0"); check("0 shows everything", width() === whole);
  key("+"); check("+ zooms in", width() < whole); const from = view.from;
  key("ArrowRight"); check("the arrow moves", view.from > from);
  const before = view.from; point("pointerdown", middle); point("pointermove", middle - 60); point("pointerup", middle - 60);
  check("dragging moves", view.from > before);
  showAll(); point("pointerdown", middle, { shiftKey: true }); point("pointermove", middle + 80); point("pointerup", middle + 80);
  check("shift-drag selects", width() < whole / 2);
  showAll(); point("pointerdown", middle - 30); point("pointerdown", middle + 30, { pointerId: 2 });
  point("pointermove", middle + 120, { pointerId: 2 }); point("pointerup", middle + 120, { pointerId: 2 }); point("pointerup", middle - 30);
  check("pinching zooms", width() < whole * 0.8);
  showAll(); chart.dispatchEvent(new MouseEvent("dblclick", { clientX: box().left + middle, bubbles: true }));
  check("double-click zooms", width() < whole * 0.5);
  for (const button of byId("presets").children) { button.click(); check(button.textContent, view.until > view.from); }
  showAll(); drawAll(); const open = hits.find((hit) => hit.open);
  if (open) { open.open(); await frame(); check("a message opens or zooms", !details.hidden || width() < whole); }
  const rows = byId("rows").children.length; check("the table has rows", rows > 5);
  for (const button of byId("filters").children) { button.click(); check(button.textContent, byId("rows").children.length > 0); }
  byId("filters").children[0].click();
  byId("find").value = "no such words"; byId("find").dispatchEvent(new Event("input"));
  check("finding filters", byId("rows").children.length === 0);
  byId("find").value = ""; byId("find").dispatchEvent(new Event("input"));
  for (const row of [...byId("rows").children].slice(0, 40)) row.click();
  byId("clock").click(); await frame(); byId("clock").click(); byId("theme").click(); await frame(); byId("theme").click();
  dispatchEvent(new Event("beforeprint")); dispatchEvent(new Event("afterprint"));
  closeDetails(); showAll(); await frame();
  return wrong;
})()
