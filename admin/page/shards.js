/** The table of shards; which of them is selected. @module */
import { byId, make, setAge, setAttribute, setState, setText, updateList } from "./dom.js";
import { formatCount, formatShort } from "./format.js";
import { shardState } from "./words.js";

let selected = 0;
let latest = { shards: [], nowMs: 0 };
/** Events received at the last poll and when, by shard. */
const before = new Map();

/** The shard whose slots are shown. */
export function selectedShard() {
  return selected;
}

/** Wires the filter and the selection; `onSelect` is told of another shard. */
export function startShards(onSelect) {
  byId("shard-filter").addEventListener("change", () => draw());
  byId("shard-select").addEventListener("change", (event) => {
    selected = Number(event.target.value);
    draw();
    onSelect(selected);
  });
  byId("shards").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button === null) return;
    selected = Number(button.dataset.shard);
    draw();
    onSelect(selected);
  });
  byId("shards").addEventListener("keydown", moveFocus);
}

/** The rows are one stop of the Tab key, since there may be 255; the arrows go through them. */
function moveFocus(event) {
  const row = event.target.closest("tr");
  const { firstElementChild, lastElementChild } = byId("shards");
  const next = {
    ArrowDown: row.nextElementSibling,
    ArrowUp: row.previousElementSibling,
    Home: firstElementChild,
    End: lastElementChild,
  }[event.key];
  if (!next) return;
  event.preventDefault();
  next.querySelector("button").focus();
}

/** Shows the shards of a status. */
export function showShards({ shards }, nowMs) {
  latest = { shards: shards.map((shard) => ({ ...shard, rate: rateOf(shard, nowMs) })), nowMs };
  if (selected >= shards.length) selected = 0;
  updateList(byId("shard-select"), shards, {
    create: ({ shard }) => make("option", { value: String(shard), text: String(shard) }),
    update: () => {},
  });
  draw();
}

function rateOf({ shard, received }, nowMs) {
  const last = before.get(shard);
  before.set(shard, { events: received.events, nowMs });
  if (last === undefined || last.nowMs >= nowMs) return null;
  return Math.max(0, received.events - last.events) / (nowMs - last.nowMs) * 1000;
}

function draw() {
  const isAll = byId("shard-filter").value === "all";
  const shown = latest.shards.filter((shard) => isAll || isTroubled(shard));
  byId("no-shards").hidden = isAll || shown.length > 0;
  byId("shard-scroller").hidden = shown.length === 0;
  byId("shard-select").value = String(selected);
  updateList(byId("shards"), shown, { create: createRow, update: updateRow });
  setTabStop();
}

/** The row of the selected shard, or the first one where that is not shown. */
function setTabStop() {
  const buttons = [...byId("shards").querySelectorAll("button")];
  const stop = buttons.find((button) => button.dataset.shard === String(selected)) ?? buttons[0];
  for (const button of buttons) setAttribute(button, "tabindex", button === stop ? "0" : "-1");
}

function isTroubled(shard) {
  return shard.error !== null || shardState(shard).tone !== "good";
}

function createRow() {
  const cells = ["number wide", "number wide", "number wide"].map((name) => make("td", { class: name }));
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("button", { type: "button", class: "link" })),
    make("td", {}, make("span", { class: "state" }), make("progress"), make("span", { class: "quiet note" })),
    make("td", {}, make("time")),
    make("td", { class: "number" }),
    ...cells,
  );
}

function updateRow(row, shard) {
  const [name, state, fresh, keys, rate, version, reconnects] = row.children;
  updateName(name.firstChild, shard.shard);
  setAttribute(row, "class", shard.shard === selected ? "selected" : "");
  updateState(state, shard);
  if (shard.freshAtMs === null) setText(fresh.firstChild, "never");
  else setAge(fresh.firstChild, shard.freshAtMs, latest.nowMs);
  setText(keys, formatCount(shard.keys));
  setText(rate, shard.rate === null ? "" : formatShort(shard.rate));
  setText(version, formatCount(shard.maxVersion));
  setText(reconnects, formatCount(Math.max(0, shard.connections - 1)));
}

function updateName(button, shard) {
  setText(button, String(shard));
  setAttribute(button, "data-shard", String(shard));
  setAttribute(button, "aria-label", `Shard ${shard}: show its slots`);
  setAttribute(button, "aria-pressed", String(shard === selected));
}

function updateState(cell, shard) {
  const [word, bar, note] = cell.children;
  const state = shardState(shard);
  setState(word, state);
  setAttribute(word, "title", shard.error?.message ?? "");
  setText(note, state.note);
  bar.hidden = shard.scan === null;
  if (shard.scan === null) return;
  setAttribute(bar, "aria-label", `Shard ${shard.shard} catches up`);
  bar.max = Math.max(1, shard.scan.slots);
  bar.value = shard.scan.position;
}
