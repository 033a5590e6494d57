/** Watches changes, over a streamed fetch. @module */
import { errorOf, send } from "./api.js";
import { readBytes, startBytes } from "./bytes_input.js";
import { byId, make, setText } from "./dom.js";
import { formatClock, groupHex, hexToText, plural } from "./format.js";
import { sseReader } from "./sse.js";

/** Rows that are kept. */
const MOST_ROWS = 200;
const WORDS = { "put": "put", "delete": "delete", "caught-up": "caught up", "resync": "resync" };

let stop;
let count = 0;
/** Changes that came since the last frame was drawn. */
const waiting = [];

/** Wires the form. */
export function startWatch() {
  startBytes("watch-prefix", "watch-form");
  byId("watch").addEventListener("submit", (event) => {
    event.preventDefault();
    if (stop !== undefined) stop.abort();
    else watch(readBytes("watch-prefix", "watch-form"), byId("watch-initial").checked);
  });
}

async function watch(prefix, initial) {
  stop = new AbortController();
  count = 0;
  byId("changes").replaceChildren();
  byId("changes").hidden = false;
  setText(byId("watch-button"), "Stop");
  let end = "The stream ended.";
  try {
    end = await readStream(watchPath(prefix, initial), stop.signal) ?? end;
  } catch (error) {
    end = stop.signal.aborted ? "Stopped." : `Ended: ${error.message}`;
  }
  stop = undefined;
  setText(byId("watch-button"), "Watch");
  setText(byId("watch-state"), end);
  showCount();
}

function watchPath(prefix, initial) {
  const query = new URLSearchParams();
  if (prefix) query.set("prefix", prefix);
  if (initial) query.set("initial", "true");
  return `v1/watch${query.size > 0 ? `?${query}` : ""}`;
}

/** Reads to the end. Answers why the server ended it, where it said so. */
async function readStream(path, signal) {
  const response = await send(path, { stream: true, signal });
  if (!response.ok) throw await errorOf(response);
  setText(byId("watch-state"), "Watching.");
  showCount();
  const read = sseReader();
  let end;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return end;
    for (const { event, data } of read(value)) {
      if (event in WORDS) take({ type: event, ...JSON.parse(data) });
      else end = endWords(event, data);
    }
  }
}

/** Any other event is the server's last: that it stops, or that this reader was too slow. */
function endWords(event, data) {
  const { reason, message } = JSON.parse(data || "{}");
  return `Ended by the admin: ${message ?? reason ?? event}.`;
}

/** Many changes may come between two frames: they are drawn together, and the oldest of too many never. */
function take(change) {
  count++;
  if (waiting.length === 0) requestAnimationFrame(drawWaiting);
  waiting.push({ ...change, atMs: Date.now() });
  if (waiting.length > MOST_ROWS) waiting.shift();
}

function drawWaiting() {
  const list = byId("changes");
  list.prepend(...waiting.splice(0).reverse().map(createChange));
  while (list.children.length > MOST_ROWS) list.lastElementChild.remove();
  showCount();
}

/** Apart from the state, which is read out loud. */
function showCount() {
  const kept = count > MOST_ROWS ? `, the last ${MOST_ROWS} are shown` : "";
  setText(byId("watch-count"), `${plural(count, "change")} came${kept}.`);
}

function createChange({ type, key, value, shard, reason, version, atMs }) {
  const row = make(
    "li",
    {},
    make("time", { text: formatClock(atMs), datetime: new Date(atMs).toISOString() }),
    make("span", { class: `change ${type}`, text: WORDS[type] }),
  );
  if (key !== undefined) row.append(createBytes(key));
  if (value !== undefined) row.append(make("span", { class: "arrow", text: "=" }), createBytes(value));
  const rest = [
    reason,
    shard === undefined ? "" : `shard ${shard}`,
    version === undefined ? "" : `version ${version}`,
  ];
  row.append(make("span", { class: "quiet", text: rest.filter(Boolean).join(", ") }));
  return row;
}

/** Bytes that are all printable as text, others as hex; the other form as title. */
function createBytes(hex) {
  const text = hexToText(hex);
  const isText = hex !== "" && !text.includes("·");
  return make("code", { text: isText ? text : groupHex(hex), title: isText ? hex : text });
}
