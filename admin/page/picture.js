/** The picture of a shard's slots, by region. @module */
import { sendForJson } from "./api.js";
import { byId, make, setAttribute, setText, updateList } from "./dom.js";
import { formatCount, formatPercent, plural } from "./format.js";
import { sum } from "./words.js";

/** A cell's side with its gap, and the most cells from top to bottom, in CSS pixels. */
const CELL = 14, GAP = 2, ROWS = 14;
/** A picture is not drawn anew sooner than this, since the follower counts all slots for it; in ms. */
const REFRESH_MS = 5000;
/** Rows of the table that says the same. */
const TABLE_ROWS = 16;
/** From the bottom of a cell to its top. */
const STATUSES = ["occupied", "deleted", "unverified"];
const ALL = [...STATUSES, "free"];

const NOTHING = { shard: -1, slots: "", atMs: 0 };
let regions = [];
let shown = NOTHING;
let loading;

/** Wires the region's slider, the pointer and the redrawing. */
export function startPicture() {
  for (const status of ALL) {
    byId("legend").append(
      make("li", {}, make("span", { class: `swatch ${status}` }), make("span", { text: status })),
    );
  }
  const [canvas, slider] = [byId("slots"), byId("region")];
  slider.addEventListener("input", drawPicture);
  canvas.addEventListener("pointermove", (event) => {
    const region = Math.floor(event.offsetY / CELL) * columns() + Math.floor(event.offsetX / CELL);
    if (region >= regions.length) return;
    slider.value = String(region);
    drawPicture();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawPicture);
  new ResizeObserver(() => {
    if (regions.length > 0 && canvas.dataset.columns !== String(columns())) forgetPicture();
  }).observe(canvas.parentElement);
}

/** Has the next {@link showPicture} load again. */
export function forgetPicture() {
  shown = NOTHING;
}

/** Loads and draws a shard's regions where its slots have changed. @param {object} shard ShardStatus. */
export async function showPicture(shard) {
  setText(byId("slots-title"), `Slots of shard ${shard.shard}`);
  const slots = JSON.stringify([shard.slots, shard.maxVersion]);
  if (loading !== undefined || !isOutdated(shard.shard, slots)) return;
  loading = loadRegions(shard);
  try {
    regions = await loading;
    shown = { shard: shard.shard, slots, atMs: Date.now() };
    describe(shard.shard);
    drawPicture();
  } finally {
    loading = undefined;
  }
}

function isOutdated(shard, slots) {
  if (shown.shard !== shard) return true;
  return shown.slots !== slots && Date.now() - shown.atMs >= REFRESH_MS;
}

async function loadRegions({ shard, slots }) {
  if (slots.total === 0) return [];
  const count = Math.max(1, Math.min(columns() * ROWS, slots.total));
  const answer = await sendForJson(`v1/slots/${shard}?regions=${count}`);
  return answer.regions;
}

function columns() {
  return Math.max(8, Math.floor((byId("slots").parentElement.clientWidth - 32 + GAP) / CELL));
}

function describe(shard) {
  const total = sum(regions, ({ slots }) => slots);
  const parts = ALL.map((status) => {
    const count = sum(regions, (region) => region[status]);
    return `${formatCount(count)} ${status} (${formatPercent(count, total)})`;
  });
  const each = regions.length === 0 ? 0 : regions[0].slots;
  setText(
    byId("slots-summary"),
    total === 0 ? "No slots yet." : `${plural(total, "slot")}: ${parts.join(", ")}.`,
  );
  const label = `Shard ${shard}, ${plural(regions.length, "region")} of ${plural(each, "slot")}: ${
    parts.join(", ")
  }`;
  setAttribute(byId("slots"), "aria-label", label);
  byId("region").max = String(Math.max(0, regions.length - 1));
  updateList(byId("region-rows"), tableRows(), { create: createRow, update: updateRow });
}

/** The regions, joined to few enough to read. */
function tableRows() {
  const each = Math.ceil(regions.length / TABLE_ROWS);
  return Array.from({ length: Math.ceil(regions.length / (each || 1)) }, (_, row) => {
    const part = regions.slice(row * each, (row + 1) * each);
    const counts = Object.fromEntries(["slots", ...ALL].map((name) => [name, sum(part, (one) => one[name])]));
    return { first: part[0].first, ...counts };
  });
}

function createRow() {
  return make("tr", {}, make("th", { scope: "row" }), ...ALL.map(() => make("td", { class: "number" })));
}

function updateRow(row, region) {
  const [name, ...cells] = row.children;
  setText(name, slotRange(region));
  for (const [index, status] of ["occupied", "deleted", "free", "unverified"].entries()) {
    setText(cells[index], formatCount(region[status]));
  }
}

function slotRange({ first, slots }) {
  return `${formatCount(first)} to ${formatCount(first + slots - 1)}`;
}

function drawPicture() {
  const [canvas, wide] = [byId("slots"), columns()];
  const high = Math.ceil(regions.length / wide);
  const scale = devicePixelRatio || 1;
  const [width, height] = [wide * CELL - GAP, Math.max(CELL, high * CELL) - GAP];
  setAttribute(canvas, "data-columns", String(wide));
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const colors = slotColors();
  for (const [index, region] of regions.entries()) {
    const at = { x: index % wide * CELL, y: Math.floor(index / wide) * CELL };
    drawCell(context, region, { ...at, colors });
  }
  drawMark(context, Number(byId("region").value), { wide, colors });
}

function slotColors() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    [...ALL, "ink"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
}

/** Each status has its share of the cell's height, and where there is any of it, at least a line of 2 pixels. */
function drawCell(context, region, { x, y, colors }) {
  const side = CELL - GAP;
  context.fillStyle = colors.free;
  context.fillRect(x, y, side, side);
  let bottom = y + side;
  for (const status of STATUSES) {
    if (region[status] === 0) continue;
    const height = Math.min(bottom - y, Math.max(2, Math.round(side * region[status] / region.slots)));
    bottom -= height;
    context.fillStyle = colors[status];
    context.fillRect(x, bottom, side, height);
    // Not by colour alone: deleted is striped, unverified has a notch.
    context.fillStyle = colors.free;
    if (status === "deleted") {
      for (let at = x + 2; at < x + side; at += 4) context.fillRect(at, bottom, 2, height);
    }
    if (status === "unverified") context.fillRect(x + side / 2 - 2, bottom, 4, height);
  }
}

/** The region of which the text below the picture speaks. */
function drawMark(context, index, { wide, colors }) {
  const region = regions[index];
  setText(byId("region-text"), region === undefined ? "" : regionWords(region));
  setAttribute(byId("region"), "aria-valuetext", region === undefined ? "none" : regionWords(region));
  if (region === undefined) return;
  context.strokeStyle = colors.ink;
  context.lineWidth = 1.5;
  context.strokeRect(
    index % wide * CELL - 0.25,
    Math.floor(index / wide) * CELL - 0.25,
    CELL - 1.5,
    CELL - 1.5,
  );
}

function regionWords(region) {
  const parts = ALL.filter((status) => region[status] > 0).map((status) =>
    `${formatCount(region[status])} ${status}`
  );
  return `Slots ${slotRange(region)}: ${parts.join(", ")}`;
}
