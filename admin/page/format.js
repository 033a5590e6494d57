/** Numbers, times and bytes as text, and text as bytes. Pure. @module */

const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
/** Seconds of a minute, an hour and a day. */
const MINUTE = 60, HOUR = 3600, DAY = 86_400;

/** A count: `1,234,567`. @param {number} count @returns {string} */
export function formatCount(count) {
  return NUMBER.format(count);
}

/** A count in little room: `1.2M`; up to 99,999 as it is. @param {number} count @returns {string} */
export function formatShort(count) {
  return count < 100_000 ? NUMBER.format(count) : SHORT.format(count);
}

/** An amount of bytes: `1.4 MiB`. @param {number} bytes @returns {string} */
export function formatBytes(bytes) {
  let unit = 0;
  for (; bytes >= 1024 && unit < UNITS.length - 1; unit++) bytes /= 1024;
  return `${unit === 0 || bytes >= 100 ? NUMBER.format(bytes) : bytes.toFixed(1)} ${UNITS[unit]}`;
}

/** A time span: `under 1 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. @param {number} ms @returns {string} */
export function formatSpan(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return "under 1 s";
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return pair(seconds, { unit: MINUTE, name: "min", rest: 1, restName: "s" });
  if (seconds < DAY) return pair(seconds, { unit: HOUR, name: "h", rest: MINUTE, restName: "min" });
  return pair(seconds, { unit: DAY, name: "d", rest: HOUR, restName: "h" });
}

/** How long ago that was: `12 s ago`. @param {number} thenMs @param {number} nowMs @returns {string} */
export function formatAgo(thenMs, nowMs) {
  return `${formatSpan(Math.max(0, nowMs - thenMs))} ago`;
}

/** A moment to the millisecond, in the reader's own zone: `2026-11-21 12:05:30.120 +01:00`.
 * @param {number} ms @returns {string} */
export function formatMoment(ms) {
  const minutes = -new Date(ms).getTimezoneOffset();
  const local = new Date(ms + minutes * 60_000).toISOString().replace("T", " ").replace("Z", "");
  const ahead = Math.abs(minutes);
  return `${local} ${minutes < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}`;
}

/** The time of day: `12:05:30`. @param {number} ms @returns {string} */
export function formatClock(ms) {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** A share: `45 %`; never 0 % of something, nor 100 % before it is all. @param {number} part @param {number} whole @returns {string} */
export function formatPercent(part, whole) {
  if (whole <= 0 || part <= 0) return "0 %";
  if (part / whole < 0.01) return "under 1 %";
  return `${part < whole ? Math.min(99, Math.floor(part / whole * 100)) : 100} %`;
}

/** `1 shard`, `2 shards`. @param {number} count @param {string} noun @returns {string} */
export function plural(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Text in UTF-8, as lower-case hex. @param {string} text @returns {string} */
export function textToHex(text) {
  return [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The hex digits of what was typed: spaces, colons and a leading `0x` are left out. Undefined where it is not hex.
 * @param {string} typed @returns {string | undefined}
 */
export function readHex(typed) {
  const digits = typed.trim().replace(/^0x/i, "").replace(/[\s:]/g, "").toLowerCase();
  return /^([0-9a-f]{2})*$/.test(digits) ? digits : undefined;
}

/** Bytes given as hex, as a person reads them: printable ASCII, a dot for each other byte.
 * @param {string} hex @returns {string} */
export function hexToText(hex) {
  return hex.replace(/../g, (pair) => {
    const byte = parseInt(pair, 16);
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
  });
}

/** Hex in groups of four bytes, which a line may break between. @param {string} hex @returns {string} */
export function groupHex(hex) {
  return hex.replace(/(.{8})(?=.)/g, "$1 ");
}

function pair(seconds, { unit, name, rest, restName }) {
  const [big, small] = [Math.floor(seconds / unit), Math.floor(seconds % unit / rest)];
  return small === 0 ? `${big} ${name}` : `${big} ${name} ${small} ${restName}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
