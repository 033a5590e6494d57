/**
 * Keeps two threads apart, turn by turn: what one takes it has until its turn of JavaScript ends, as if there were no
 * other thread. So code that reads several keys without waiting in between reads them from one state.
 *
 * Tickets make it fair: who reads in every turn leaves the one who applies its turn too.
 */

import { StorageError } from "../errors.ts";

/** Places of the words: the next ticket, and the one whose turn it is. */
const NEXT = 0, SERVED = 1;
/** The other one holds it for a millisecond or two, unless its program keeps a turn for longer: then as long as that. */
const LONGEST_WAIT_MS = 60_000;
/** A look at the words takes 10 to 20 ns; to sleep and be woken 50 us and more. */
const LOOKS = 500;

/** What is done around a turn. Neither may wait, or throw. */
export interface TurnListener {
  /** The turn has begun. */
  onTake(): void;
  /** It is about to end. */
  onGive(): void;
}

/** See the head of this file. */
export class TurnLock {
  readonly #words: Int32Array;
  readonly #listener: TurnListener;
  #isHeld = false;

  /** A lock in two words of shared memory, which are 0 at first. */
  constructor(words: Int32Array, listener: TurnListener) {
    this.#words = words;
    this.#listener = listener;
  }

  /** Takes it until this turn of JavaScript ends, if this thread does not have it. Throws StorageError if it never comes. */
  hold(): void {
    if (!this.#isHeld) this.#take();
  }

  #take(): void {
    const words = this.#words;
    const ticket = Atomics.add(words, NEXT, 1);
    if (Atomics.load(words, SERVED) !== ticket) this.#wait(ticket);
    this.#isHeld = true;
    queueMicrotask(this.#give);
    this.#listener.onTake();
  }

  #wait(ticket: number): void {
    const words = this.#words;
    for (let look = 0; look < LOOKS; look++) {
      if (Atomics.load(words, SERVED) === ticket) return;
    }
    const startedAt = performance.now();
    for (;;) {
      const served = Atomics.load(words, SERVED);
      if (served === ticket) return;
      const left = LONGEST_WAIT_MS - (performance.now() - startedAt);
      // A ticket that nobody gives back: all that come after it wait in vain as well.
      if (left <= 0) {
        throw new StorageError("Cannot read the copy: the thread that keeps it does not give it back");
      }
      Atomics.wait(words, SERVED, served, left);
    }
  }

  readonly #give = (): void => {
    const words = this.#words;
    try {
      this.#listener.onGive();
    } finally {
      this.#isHeld = false;
      const served = Atomics.add(words, SERVED, 1) + 1;
      if (Atomics.load(words, NEXT) !== (served | 0)) Atomics.notify(words, SERVED);
    }
  };
}
