/** Looks up one key. @module */
import { errorOf, send } from "./api.js";
import { readBytes, startBytes } from "./bytes_input.js";
import { byId, make, setText } from "./dom.js";
import { formatAgo, formatCount, formatMoment, groupHex, hexToText, plural } from "./format.js";
import { serverNow } from "./server_clock.js";

/** What each status of the answer says of the key. */
const FOUND = {
  200: { word: "Found", tone: "good" },
  404: { word: "Not there", tone: "off" },
  503: { word: "Unknown", tone: "warn" },
};
let keyLength;
let typed;

/** Wires the form. */
export function startLookup() {
  startBytes("lookup-key", "lookup-form", (length) => {
    typed = length;
    showLength();
  });
  byId("lookup").addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp(readBytes("lookup-key", "lookup-form")).catch((error) => {
      byId("found").replaceChildren(make("p", { class: "wrong", text: error.message }));
    });
  });
}

/** Tells how long a key is. @param {object | null} shape */
export function showKeyLength(shape) {
  keyLength = shape?.keyLength;
  showLength();
}

function showLength() {
  const wanted = keyLength === undefined ? "" : `A key has ${plural(keyLength, "byte")}`;
  setText(byId("lookup-bytes"), typed === undefined ? wanted : `${wanted}, this one ${formatCount(typed)}`);
}

async function lookUp(hex) {
  const response = await send(`v1/keys/${hex}`);
  const state = FOUND[response.status];
  if (state === undefined) throw await errorOf(response);
  const answer = await response.json();
  byId("found").replaceChildren(
    make("p", {}, make("span", { class: "state", "data-tone": state.tone, text: state.word })),
    make("dl", { class: "found" }, ...rowsOf(hex, answer, response.status).map(createFoundRow)),
  );
}

/** Where the copy cannot know, the answer is an error that says why; that a key is not there needs no reason. */
function rowsOf(hex, { value, version, slot, shard, freshAtMs, error }, status) {
  const fresh = typeof freshAtMs === "number";
  return [
    ["Key", groupHex(hex), hexToText(hex)],
    ["Value", value && groupHex(value), value && hexToText(value)],
    ["Version", version],
    ["Slot", slot >= 0 ? formatCount(slot) : undefined],
    ["Shard", shard],
    [
      "Fresh",
      fresh ? formatAgo(freshAtMs, serverNow()) : undefined,
      fresh ? formatMoment(freshAtMs) : undefined,
    ],
    ["Why", status === 503 ? error?.message : undefined],
  ].filter(([, text]) => text !== undefined && text !== null);
}

function createFoundRow([name, text, more]) {
  const value = make("dd", {}, make("span", { text: String(text) }));
  if (more) value.append(make("span", { class: "quiet", text: more }));
  return make("div", {}, make("dt", { text: name }), value);
}
