/** The follower as a whole: its state in words, progress, figures, errors. @module */
import { announce, byId, make, setAgo, setAttribute, setState, setText, updateList } from "./dom.js";
import { formatBytes, formatCount, formatMoment, formatSpan, plural } from "./format.js";
import { collectErrors, overallState, remedyWords, scanWords, shardSummary, sum } from "./words.js";

/** More bars than this are too many to read: then the shards are summed up. */
const MOST_BARS = 4;

let lastWord;

/** Shows a status. @param {object} status @param {number} nowMs By the server's clock. */
export function showOverview(status, nowMs) {
  const state = overallState(status, nowMs);
  showState(state, status.leader);
  setText(byId("detail"), state.detail);
  setText(byId("leader"), status.leader);
  setText(byId("summary"), `${plural(status.shards.length, "shard")}: ${shardSummary(status.shards)}.`);
  showProgress(byId("progress"), scanBars(status.shards));
  showFigures(byId("figures"), figuresOf(status, nowMs));
  showErrors(collectErrors(status), nowMs);
}

/** Shows that nothing is known, since the admin does not answer. */
export function showUnknown(leader) {
  showState({ word: "Unknown", tone: "bad" }, leader);
}

function showState(state, leader) {
  setState(byId("state"), state);
  setState(byId("bar-state"), state);
  const title = `${state.word} · ${leader ?? "no leader yet"} · Slotcask`;
  if (document.title !== title) document.title = title;
  if (lastWord !== undefined && lastWord !== state.word) announce(`State: ${state.word}`);
  lastWord = state.word;
}

/** Catch-ups that go on: one bar each, or one for all. */
function scanBars(shards) {
  const scanning = shards.filter(({ scan }) => scan !== null);
  if (scanning.length <= MOST_BARS) {
    return scanning.map(({ shard, scan }) => ({ name: `Shard ${shard} catches up`, ...scan }));
  }
  const all = {
    position: sum(scanning, ({ scan }) => scan.position),
    slots: sum(scanning, ({ scan }) => scan.slots),
  };
  return [{ name: `${formatCount(scanning.length)} of ${plural(shards.length, "shard")} catch up`, ...all }];
}

/**
 * Shows bars with their text.
 * @param {HTMLElement} list
 * @param {{ name: string, text?: string, position: number, slots: number, isOver?: boolean }[]} bars
 */
export function showProgress(list, bars) {
  list.hidden = bars.length === 0;
  updateList(list, bars, {
    create: () => make("li", {}, make("span"), make("progress")),
    update: (item, { name, text, position, slots, isOver = false }) => {
      const [label, bar] = item.children;
      setText(label, text ?? `${name}: ${scanWords({ position, slots })}`);
      setAttribute(bar, "aria-label", name);
      bar.hidden = isOver;
      bar.max = Math.max(1, slots);
      bar.value = position;
    },
  });
}

/** Shows pairs of a name and a value. @param {HTMLElement} list @param {[string, string, string?][]} figures */
export function showFigures(list, figures) {
  updateList(list, figures, {
    create: () => make("div", {}, make("dt"), make("dd")),
    update: (item, [name, value, title = ""]) => {
      setText(item.children[0], name);
      setText(item.children[1], value);
      setAttribute(item.children[1], "title", title);
    },
  });
}

function figuresOf(status, nowMs) {
  const { shards, shape } = status;
  const total = (of) => formatCount(sum(shards, of));
  return [
    ["Keys", formatCount(status.keys)],
    ["Complete", status.complete ? "yes" : "no, a miss proves nothing"],
    ["Received", formatBytes(sum(shards, (shard) => shard.received.bytes))],
    ["Events applied", total(({ applied }) => applied.occupied + applied.deleted + applied.reset)],
    ["Connections", total((shard) => shard.connections)],
    ["Diverged slots", total((shard) => shard.diverged)],
    ["CRC errors", total((shard) => shard.crcErrors)],
    ["Protocol", status.protocol === null ? "not known" : String(status.protocol)],
    ["Key and value", shape === null ? "not known" : `${shape.keyLength} and ${shape.valueLength} bytes`],
    ["Running for", formatSpan(nowMs - status.startedAtMs), formatMoment(status.startedAtMs)],
    ["Longest step", `${status.longestSliceMs.toFixed(1)} ms`],
  ];
}

function showErrors(errors, nowMs) {
  byId("no-errors").hidden = errors.length > 0;
  byId("errors").hidden = errors.length === 0;
  byId("errors-section").classList.toggle("has-errors", errors.length > 0);
  updateList(byId("errors"), errors, {
    create: () =>
      make("li", {}, make("strong"), ", first seen ", make("time"), make("p"), make("p", { class: "quiet" })),
    update: (item, { where, sinceMs, message, remedy }) => {
      const [place, since, what, mend] = item.children;
      setText(place, where);
      setAgo(since, sinceMs, nowMs);
      setText(what, message);
      setText(mend, remedyWords(remedy));
    },
  });
}
