/** The last minutes of figures, for the charts. Pure. @module */

/** How far back the charts go, in ms. */
export const WINDOW_MS = 300_000;

/** What is kept of each poll; a poll that failed leaves a gap of nulls. */
export class History {
  /** Unix seconds, as uPlot wants them. @type {number[]} */
  times = [];
  /** Age of the copy, in seconds. @type {(number | null)[]} */
  ages = [];
  /** Events a second. @type {(number | null)[]} */
  rates = [];
  /** Bytes a second. @type {(number | null)[]} */
  byteRates = [];
  #last;

  /** Notes a status that came at `nowMs`. @param {object} status @param {number} nowMs */
  add(status, nowMs) {
    const received = totals(status);
    const seconds = this.#last === undefined ? 0 : (nowMs - this.#last.nowMs) / 1000;
    // Counters begin again when the follower is started again.
    const isSame = seconds > 0 && this.#last.startedAtMs === status.startedAtMs;
    const rate = (field) => isSame ? Math.max(0, received[field] - this.#last[field]) / seconds : null;
    const age = status.freshAtMs === null ? null : Math.max(0, nowMs - status.freshAtMs) / 1000;
    this.#push(nowMs, [age, rate("events"), rate("bytes")]);
    this.#last = { ...received, nowMs, startedAtMs: status.startedAtMs };
  }

  /** Notes that nothing came. @param {number} nowMs */
  addGap(nowMs) {
    this.#push(nowMs, [null, null, null]);
    this.#last = undefined;
  }

  #push(nowMs, [age, rate, byteRate]) {
    this.times.push(nowMs / 1000);
    this.ages.push(age);
    this.rates.push(rate);
    this.byteRates.push(byteRate);
    while (this.times[0] < (nowMs - WINDOW_MS) / 1000) {
      for (const series of [this.times, this.ages, this.rates, this.byteRates]) series.shift();
    }
  }
}

function totals({ shards }) {
  let events = 0, bytes = 0;
  for (const { received } of shards) {
    events += received.events;
    bytes += received.bytes;
  }
  return { events, bytes };
}
