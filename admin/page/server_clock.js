/** The server's clock: ages are its times, and the browser's clock may differ. @module */

/** The Date header has whole seconds: a smaller difference is none, in ms. */
const LEAST_MS = 2000;
let aheadMs = 0;

/** Takes the clock from an answer's Date header. @param {Response} response */
export function readClock(response) {
  const sentMs = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(sentMs)) return;
  const differenceMs = sentMs + 500 - Date.now();
  aheadMs = Math.abs(differenceMs) < LEAST_MS ? 0 : differenceMs;
}

/** Unix ms by the server's clock. */
export function serverNow() {
  return Date.now() + aheadMs;
}
