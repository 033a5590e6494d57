/**
 * Keeps a thread and its owner apart, turn by turn: who takes it has it until its turn of JavaScript ends, as if there
 * were no other thread. So code that reads several keys without waiting in between reads them from one state.
 *
 * It is fair: who had it last lets the other one go first, if that one waits. Else a program that reads in every turn
 * would leave the thread that applies the leader's events no moment between two of them.
 */

import { StorageError } from "../errors.ts";

/** Places of the words: 1 while it is held, who had it last, who waits (two words), and a count of changes. */
const HELD = 0, LAST = 1, WAITS = 2, CHANGES = 4;
/** Words of a lock, all 0 at first. */
export const LOCK_WORDS = 5;
/** A look at the words takes 10 to 20 ns; to sleep and be woken 50 us and more. */
const LOOKS = 500;

/** The two that share a lock. */
export const OWNER = 0, THREAD = 1;

/** What a side of a lock is made with. */
export interface TurnLockOptions {
  words: Int32Array;
  /** Whose side it is. */
  side: typeof OWNER | typeof THREAD;
  /** The longest wait for the other side, in ms. */
  longestWaitMs: number;
  /** The turn has begun. */
  onTake(): void;
  /** It is about to end. */
  onGive(): void;
}

/** See the head of this file. */
export class TurnLock {
  readonly #options: TurnLockOptions;
  readonly #words: Int32Array;
  readonly #side: number;
  readonly #other: number;
  #isHeld = false;

  /** One side of a lock. */
  constructor(options: TurnLockOptions) {
    this.#options = options;
    this.#words = options.words;
    this.#side = options.side;
    this.#other = 1 - options.side;
  }

  /**
   * Takes it until this turn of JavaScript ends, if this side does not have it. Throws StorageError where the other
   * side keeps it for too long, as a disk that hangs makes it do.
   */
  hold(): void {
    if (!this.#isHeld) this.#take();
  }

  #take(): void {
    if (!this.#tryTake()) this.#wait();
    this.#isHeld = true;
    queueMicrotask(this.#give);
    this.#options.onTake();
  }

  #tryTake(): boolean {
    const words = this.#words;
    if (Atomics.load(words, WAITS + this.#other) === 1 && Atomics.load(words, LAST) === this.#side) {
      return false;
    }
    if (Atomics.compareExchange(words, HELD, 0, 1) !== 0) return false;
    Atomics.store(words, LAST, this.#side);
    return true;
  }

  #wait(): void {
    const words = this.#words;
    for (let look = 0; look < LOOKS; look++) {
      if (this.#tryTake()) return;
    }
    const { longestWaitMs } = this.#options;
    const startedAt = performance.now();
    Atomics.store(words, WAITS + this.#side, 1);
    try {
      for (;;) {
        const changes = Atomics.load(words, CHANGES);
        if (this.#tryTake()) return;
        const leftMs = longestWaitMs - (performance.now() - startedAt);
        if (leftMs <= 0) {
          throw new StorageError(
            `Cannot read the copy: the thread that keeps it has been busy with it for ${longestWaitMs} ms`,
          );
        }
        Atomics.wait(words, CHANGES, changes, leftMs);
      }
    } finally {
      Atomics.store(words, WAITS + this.#side, 0);
      this.#tellOther();
    }
  }

  readonly #give = (): void => {
    try {
      this.#options.onGive();
    } finally {
      this.#isHeld = false;
      Atomics.store(this.#words, HELD, 0);
      this.#tellOther();
    }
  };

  /** Something has changed that the other side may wait for. */
  #tellOther(): void {
    const words = this.#words;
    Atomics.add(words, CHANGES, 1);
    if (Atomics.load(words, WAITS + this.#other) === 1) Atomics.notify(words, CHANGES);
  }
}
