/**
 * Time that only passes when all that was to be done at a moment is done.
 *
 * While it is installed the globals that tell the time and the timers are its own; promises run as ever. Whatever the
 * process under test has asked of the timers dies with {@link VirtualClock.killProcess}, as it would with the process.
 */

import type { Random } from "./random.ts";

// Taken once: the simulation itself lives in real time.
const realSetImmediate = globalThis.setImmediate;

/** Unix ms at which the virtual time begins. */
export const EPOCH_MS = 1_700_000_000_000;

/** Something that is to happen. */
interface Planned {
  at: number;
  order: number;
  /** Whether the process under test asked for it. */
  isOfProcess: boolean;
  run: (() => void) | undefined;
  /** Of an interval. */
  everyMs: number | undefined;
}

/** What the clock replaces. */
const REPLACED = [
  "setTimeout",
  "clearTimeout",
  "setInterval",
  "clearInterval",
  "setImmediate",
  "clearImmediate",
] as const;

/** See the head of this file. */
export class VirtualClock {
  /** ms since the begin. */
  now = 0;
  /** Things that have happened. */
  events = 0;
  /** How long a look at the clock takes, in ms: work that yields by the clock gets there so. */
  costMs = 0;
  readonly #random: Random;
  readonly #heap: Planned[] = [];
  #order = 0;
  #restore: (() => void)[] = [];

  /** A clock whose costs are drawn from `random`. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** Plans something of the world around the process; answers a way to call it off. */
  after(ms: number, run: () => void): () => void {
    const planned = this.#plan(ms, run, false);
    return () => void (planned.run = undefined);
  }

  /** Resolves after so many ms; for the process it is work that dies with it. */
  processWork(ms: number, run: () => void): void {
    this.#plan(ms, run, true);
  }

  /** All that the process under test waits for never comes. */
  killProcess(): void {
    for (const planned of this.#heap) if (planned.isOfProcess) planned.run = undefined;
  }

  /** Lets time pass to the next thing, and all of it happen. False where nothing is planned up to `limit`. */
  async step(limit: number): Promise<boolean> {
    let next = this.#next(limit);
    if (next === undefined) {
      // Who has just begun something may not have come to the point of waiting for time.
      await settled();
      next = this.#next(limit);
    }
    if (next === undefined) {
      this.now = Math.max(this.now, limit);
      return false;
    }
    this.#pop();
    this.now = Math.max(this.now, next.at);
    this.events++;
    const { run } = next;
    if (next.everyMs === undefined) next.run = undefined;
    else this.#push(Object.assign(next, { at: this.now + next.everyMs, order: this.#order++ }));
    run!();
    await settled();
    return true;
  }

  /** What is to happen next, up to a moment. */
  #next(limit: number): Planned | undefined {
    while (this.#heap.length > 0 && this.#heap[0].run === undefined) this.#pop();
    const next = this.#heap[0];
    return next !== undefined && next.at <= limit ? next : undefined;
  }

  /** Takes the place of the globals, until {@link uninstall}. */
  install(): void {
    const timer = (ms: number, run: () => void) => this.#plan(Math.max(1, ms || 0), run, true);
    const cancel = (planned: Planned | undefined) => {
      if (planned !== undefined && planned !== null) planned.run = undefined;
    };
    const own: Record<(typeof REPLACED)[number], unknown> = {
      setTimeout: (run: (...rest: unknown[]) => void, ms = 0, ...rest: unknown[]) =>
        timer(ms, () => run(...rest)),
      clearTimeout: cancel,
      setInterval: (run: () => void, ms = 0) => Object.assign(timer(ms, run), { everyMs: Math.max(1, ms) }),
      clearInterval: cancel,
      // A turn of the event loop takes its time too.
      setImmediate: (run: (...rest: unknown[]) => void, ...rest: unknown[]) =>
        this.#plan(0.002, () => run(...rest), true),
      clearImmediate: cancel,
    };
    for (const name of REPLACED) this.#replace(globalThis, name, own[name]);
    this.#replace(performance, "now", () => this.#look());
    this.#replace(Date, "now", () => Math.floor(EPOCH_MS + this.#look()));
    this.#replace(Math, "random", () => this.#random.float());
  }

  /** Gives the globals back. */
  uninstall(): void {
    for (const restore of this.#restore) restore();
    this.#restore = [];
  }

  #look(): number {
    if (this.costMs > 0) this.now += this.costMs * this.#random.float();
    return this.now;
  }

  #replace(holder: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(holder, name);
    Object.defineProperty(holder, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before === undefined) delete (holder as Record<string, unknown>)[name];
      else Object.defineProperty(holder, name, before);
    });
  }

  #plan(ms: number, run: () => void, isOfProcess: boolean): Planned {
    const planned = { at: this.now + ms, order: this.#order++, isOfProcess, run, everyMs: undefined };
    this.#push(planned);
    return planned;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(planned, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = planned;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

/** Resolves once all promises have run that need no time: a turn of the real event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
