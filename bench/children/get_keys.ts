/** The keys that `get` is measured with, in one order for all, and how a pass over them is timed. */
import { readFileSync } from "node:fs";

/** Bytes of a key; two u32 words. */
export const KEY_BYTES = 8;
/** Bytes of a value. */
export const VALUE_BYTES = 16;

/** Before a pass is timed, so many calls make the runtime compile it. */
const WARM_CALLS = 200_000;

/** Calls in nanoseconds each, by name. */
export type CallTimes = Record<string, number>;

/** What a pass needs of a store: whether the key that was put into `key` was found. */
export type Call = (key: Uint8Array) => boolean;

/** Keys one behind the other, and one buffer through which they are passed: no store may keep it. */
export class Keys {
  readonly #words: Uint32Array;

  /** Takes the bytes as they are. */
  constructor(bytes: Uint8Array) {
    this.#words = new Uint32Array(bytes.slice().buffer);
  }

  /** Reads a file of keys. */
  static read(path: string): Keys {
    return new Keys(readFileSync(path));
  }

  /**
   * Calls with each key in turn; answers ns per call, which includes the two stores of the key's words.
   *
   * @param found How many of the calls must have found something.
   * @throws Error if another number did.
   */
  time(call: Call, found: "all" | "none"): number {
    const key = Buffer.from(new ArrayBuffer(KEY_BYTES));
    const count = this.#words.length / 2;
    // A function of its own for each call: the engines compile it for that one alone.
    const pass = makePass();
    pass(call, this.#words, key, Math.min(count, WARM_CALLS));
    const started = performance.now();
    const hits = pass(call, this.#words, key, count);
    const ns = (performance.now() - started) * 1e6 / count;
    const wanted = found === "all" ? count : 0;
    if (hits !== wanted) throw new Error(`Cannot trust this pass: ${hits} keys were found, not ${wanted}`);
    return ns;
  }
}

type Pass = (call: Call, words: Uint32Array, key: Uint8Array, count: number) => number;

const PASS = `
  const into = new Uint32Array(key.buffer);
  let hits = 0;
  for (let i = 0; i < count; i++) {
    into[0] = words[2 * i];
    into[1] = words[2 * i + 1];
    if (call(key)) hits++;
  }
  return hits;`;

function makePass(): Pass {
  return new Function("call", "words", "key", "count", PASS) as Pass;
}

/** Puts records of a length into an order that looks random and is always the same. */
export function shuffle(bytes: Uint8Array, length: number): void {
  const held = new Uint8Array(length);
  let state = 1;
  for (let i = bytes.length / length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The low bits of such a generator are no good.
    const j = Math.floor(state / 2 ** 32 * (i + 1));
    held.set(bytes.subarray(i * length, (i + 1) * length));
    bytes.copyWithin(i * length, j * length, (j + 1) * length);
    bytes.set(held, j * length);
  }
}
