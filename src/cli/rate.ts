/** How fast a count grows, over the last seconds. */

const WINDOW_MS = 3000;

/** Samples of one count. */
export class Rate {
  readonly #samples: { atMs: number; count: number }[] = [];

  /** Adds a sample; a count that fell begins anew. Answers the growth per second, 0 before it can be known. */
  add(count: number, atMs: number): number {
    const samples = this.#samples;
    if (samples.length > 0 && count < samples[samples.length - 1].count) samples.length = 0;
    samples.push({ atMs, count });
    while (samples.length > 2 && atMs - samples[0].atMs > WINDOW_MS) samples.shift();
    const elapsed = atMs - samples[0].atMs;
    return elapsed <= 0 ? 0 : (count - samples[0].count) * 1000 / elapsed;
  }
}

/** A rate per name. */
export class Rates {
  readonly #rates = new Map<string, Rate>();

  /** See {@link Rate.add}. */
  add(name: string, count: number, atMs: number): number {
    let rate = this.#rates.get(name);
    if (rate === undefined) this.#rates.set(name, rate = new Rate());
    return rate.add(count, atMs);
  }

  /** Begins one anew. */
  forget(name: string): void {
    this.#rates.delete(name);
  }
}
