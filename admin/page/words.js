/** What a status means, in words. Pure. @module */
import { formatAgo, formatCount, formatPercent, formatSpan, plural } from "./format.js";

/** Each phase: its word, its tone (a shape and a colour), and what it means. */
const PHASES = {
  "live": { word: "Live", tone: "good", meaning: "Every change arrives as it is made." },
  "catching-up": { word: "Catching up", tone: "busy", meaning: "A whole scan of the leader is going on." },
  "catch-up-only": {
    word: "Scans only",
    tone: "good",
    meaning: "The leader streams no changes to this connection: whole scans keep the copy fresh.",
  },
  "greeting": {
    word: "Greeting",
    tone: "busy",
    meaning: "Connected; the leader has not told its shape yet.",
  },
  "connecting": { word: "Connecting", tone: "warn", meaning: "The leader has not answered yet." },
  "backing-off": { word: "Reconnecting", tone: "warn", meaning: "The link is lost and is tried again." },
  "paused": { word: "Paused", tone: "off", meaning: "Links are closed on request; reads go on and age." },
  "diverged": {
    word: "Diverged",
    tone: "bad",
    meaning: "The leader contradicts the copy: nothing is applied, reads go on and age.",
  },
  "stopped": { word: "Stopped", tone: "bad", meaning: "The follower has ended." },
};
/** The phases in which the leader is there. */
const LINKED = ["live", "catching-up", "catch-up-only"];
/** Those of a shard that is only scanned, each time over a connection of its own. */
const SCANNED = [...LINKED, "connecting", "greeting"];

/** What mends an error. */
const REMEDIES = {
  reconnect: "The follower mends this by itself.",
  rebuild: "The directory must be made again.",
  stop: "A person must change something.",
};

/** A phase in words. @param {string} phase @returns {{ word: string, tone: string, meaning: string }} */
export function phaseWords(phase) {
  return PHASES[phase] ?? { word: phase, tone: "warn", meaning: "" };
}

/** What mends an error, in words. @param {string} remedy @returns {string} */
export function remedyWords(remedy) {
  return REMEDIES[remedy] ?? remedy;
}

/**
 * The whole follower in a word, a tone and a sentence or two.
 * @param {object} status What /status answers.
 * @param {number} nowMs By the server's clock.
 * @returns {{ word: string, tone: string, detail: string }}
 */
export function overallState(status, nowMs) {
  return { ...headline(status, nowMs), detail: detail(status, nowMs) };
}

function headline(status, nowMs) {
  const { phase, freshAtMs } = status;
  if (["stopped", "diverged", "paused"].includes(phase)) return phaseWords(phase);
  if (freshAtMs === null) return { word: "Never caught up", tone: "busy" };
  if (status.shards.some((shard) => isStale(shard, status.admin, nowMs))) {
    return { word: "Stale", tone: "warn" };
  }
  if (!status.shards.every(isLinked)) return phaseWords(phase);
  return status.complete ? { word: "Fresh", tone: "good" } : { word: "Fresh, incomplete", tone: "warn" };
}

/** By the same limits as /readyz. */
function isStale({ shard, freshAtMs }, { maxStalenessMs }, nowMs) {
  return freshAtMs === null || nowMs - freshAtMs > maxStalenessMs[shard];
}

function isLinked({ phase, catchUpOnly }) {
  return (catchUpOnly ? SCANNED : LINKED).includes(phase);
}

function detail(status, nowMs) {
  const { phase, freshAtMs } = status;
  const age = freshAtMs === null
    ? "The copy was never proven current."
    : `Proven current ${formatAgo(freshAtMs, nowMs)}.`;
  const unverified = sum(status.shards, (shard) => shard.slots.unverified);
  const gap = unverified > 0
    ? ` ${plural(unverified, "slot")} not verified: a miss proves nothing there.`
    : "";
  return `${age} ${phaseWords(phase).meaning}${gap}`;
}

/** The state of a shard in words. @param {object} shard @returns {{ word: string, tone: string, note: string }} */
export function shardState(shard) {
  const { word, tone } = phaseWords(shard.phase);
  const note = shard.scan === null ? "" : scanWords(shard.scan);
  const isDoubtful = !shard.complete && tone === "good";
  return isDoubtful ? { word: `${word}, incomplete`, tone: "warn", note } : { word, tone, note };
}

/** A scan's progress. @param {{ position: number, slots: number }} scan @returns {string} */
export function scanWords({ position, slots }) {
  return `${formatPercent(position, slots)}, ${formatCount(position)} of ${plural(slots, "slot")}`;
}

/** How many shards are in which state: `254 live, 1 reconnecting`. @param {object[]} shards @returns {string} */
export function shardSummary(shards) {
  const counts = new Map();
  for (const { phase } of shards) counts.set(phase, (counts.get(phase) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])
    .map(([phase, count]) => `${formatCount(count)} ${phaseWords(phase).word.toLowerCase()}`).join(", ");
}

/**
 * All errors, the same message of several shards once: the follower's own first, then the newest.
 * @param {object} status
 * @returns {{ message: string, remedy: string, sinceMs: number, where: string }[]}
 */
export function collectErrors(status) {
  const byMessage = new Map();
  for (const { shard, error } of status.shards) {
    if (error === null) continue;
    const known = byMessage.get(error.message);
    if (known === undefined) byMessage.set(error.message, { ...error, shards: [shard] });
    else {
      known.shards.push(shard);
      known.sinceMs = Math.min(known.sinceMs, error.sinceMs);
    }
  }
  const ofShards = [...byMessage.values()].sort((a, b) => b.sinceMs - a.sinceMs)
    .map(({ shards, ...error }) => ({ ...error, where: shardNames(shards) }));
  return status.error === null ? ofShards : [{ ...status.error, where: "Follower" }, ...ofShards];
}

/** `Shard 3`, `Shards 0-7, 9`. @param {number[]} shards Ascending. @returns {string} */
export function shardNames(shards) {
  const ranges = [];
  for (const shard of shards) {
    const last = ranges.at(-1);
    if (last?.[1] === shard - 1) last[1] = shard;
    else ranges.push([shard, shard]);
  }
  const names = ranges.map(([first, end]) => first === end ? `${first}` : `${first}-${end}`);
  return `Shard${shards.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

/**
 * A verify or a backup in words.
 * @param {"Verify" | "Backup"} name
 * @param {object} job VerifyStatus or BackupStatus.
 * @param {number} nowMs
 * @returns {string}
 */
export function jobWords(name, job, nowMs) {
  if (job.endedAtMs === null) return `${name}: ${scanWords(job)}`;
  const took = formatSpan(job.endedAtMs - job.startedAtMs);
  const when = formatAgo(job.endedAtMs, nowMs);
  if (job.error !== null) return `${name} failed ${when}: ${job.error}`;
  return `${name} done ${when}, in ${took}: ${job.path ?? damageWords(job)}`;
}

function damageWords({ slots, damaged }) {
  const found = damaged === 0
    ? "none damaged"
    : `${formatCount(damaged)} damaged, set aside and scanned again`;
  return `${plural(slots, "slot")} checked, ${found}`;
}

/** A sum over things. @param {object[]} things @param {(thing: object) => number} of @returns {number} */
export function sum(things, of) {
  return things.reduce((total, thing) => total + of(thing), 0);
}
