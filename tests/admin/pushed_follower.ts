/** A follower whose watches yield what a test pushes, and remember how they ended. */

import type { Change, WatchOptions } from "../../src/replica/watch.ts";
import { FakeFollower } from "./fake_follower.ts";

/** A watch that was begun. */
interface Watch {
  options: WatchOptions;
  /** Whether it was read to its end, or returned. */
  isOver: boolean;
  waiting: (Change | Error | undefined)[];
  wake: () => void;
}

/** See the head of this file. */
export class PushedFollower extends FakeFollower {
  /** All that were begun. */
  readonly watches: Watch[] = [];

  /** Gives all watches changes; undefined ends them, an error ends them with that. */
  push(...changes: (Change | Error | undefined)[]): void {
    for (const watch of this.watches) pushTo(watch, ...changes);
  }

  override watch(options: WatchOptions = {}): AsyncGenerator<Change> {
    const watch = { options, isOver: false, waiting: [], wake: () => {} };
    this.watches.push(watch);
    options.signal!.addEventListener("abort", () => pushTo(watch, undefined));
    return changesOf(watch);
  }
}

function pushTo(watch: Watch, ...changes: (Change | Error | undefined)[]): void {
  watch.waiting.push(...changes);
  watch.wake();
}

async function* changesOf(watch: Watch): AsyncGenerator<Change> {
  try {
    for (;;) {
      while (watch.waiting.length === 0) await new Promise<void>((resolve) => watch.wake = resolve);
      const change = watch.waiting.shift();
      if (change === undefined) return;
      if (change instanceof Error) throw change;
      yield change;
    }
  } finally {
    watch.isOver = true;
  }
}
