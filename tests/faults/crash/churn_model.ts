/**
 * What a real leader's `fill` and `churn` wrote, known without asking it: every value tells by itself which operation
 * put it, and that operation can be checked. So "a value that the leader had for that key" is no guess.
 *
 * The formulas are those of tests/interop/armdb/README.md, and the inverse of its generator, which is a bijection.
 */
import { operationBase } from "../../interop/armdb_keys.ts";
import { fillKey, fillValue, type PeerShape } from "../../interop/armdb_peer.ts";
import { toHex } from "../../interop/equal.ts";
import { splitmix64, u64, unsplitmix64 } from "../../interop/splitmix64.ts";

/** What a leader is told to churn. */
export interface ChurnMix {
  /** Lengths of keys and values; a value has 8 bytes or more. */
  shape: PeerShape;
  /** Of keys, values and operations. */
  seed: number;
  /** Keys 0 to this. */
  keyspace: number;
  /** How many of 100 operations delete. */
  deletePercent: number;
}

/** The number of an operation as a history writes it: a delete as the complement. */
function numberOf(operation: number): number {
  return operation < 0 ? ~operation : operation;
}

/**
 * Operations behind the newest put of which deletes may show: of a batch of 256 events they are written first, and in a
 * shard of two these are 600 operations.
 */
const AHEAD = 1024;

/** One operation of a churn. */
interface Operation {
  /** The key's number. */
  i: number;
  isDelete: boolean;
}

/** The operations of one churn, and what state of its keys is possible. */
export class ChurnModel {
  readonly #mix: ChurnMix;
  readonly #numbers = new Map<string, number>();
  readonly #bases: bigint[] = [];
  /** By key: the numbers of its operations, ascending; a delete is written as its complement. */
  readonly #history: number[][] = [];
  readonly #verified: { round: number; value: string }[] = [];
  #known = 0;

  constructor(mix: ChurnMix) {
    this.#mix = mix;
    const seedBase = splitmix64(BigInt(mix.seed));
    for (let i = 0; i < mix.keyspace; i++) {
      this.#numbers.set(toHex(fillKey(mix.shape, mix.seed, i)), i);
      this.#bases.push(splitmix64(u64(seedBase + BigInt(i))));
      this.#history.push([]);
    }
  }

  /** Number of keys. */
  get keyspace(): number {
    return this.#mix.keyspace;
  }

  /** The number of a key; undefined where it is none of the churn's. */
  numberOf(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  /**
   * Which operation put a value to a key, 0 for `fill`, else the operation's number plus 1.
   *
   * @throws Error where none ever did, or one that is not done yet: `done` is an upper bound.
   */
  roundOf(i: number, value: string, done: number): number {
    const verified = this.#verified[i];
    if (verified?.value === value) return verified.round;
    const first = new DataView(Uint8Array.fromHex(value.slice(0, 16)).buffer).getBigUint64(0, true);
    const round = u64(unsplitmix64(u64(unsplitmix64(unsplitmix64(first)) - this.#bases[i])) - 1n);
    const name = `key ${i} has the value ${value.slice(0, 32)}...`;
    if (round > done) throw new Error(`${name}: no operation up to ${done} put it (round ${round})`);
    this.#requireWritten(i, Number(round), name);
    const whole = toHex(fillValue(this.#mix.shape, this.#mix.seed, i, round));
    if (whole !== value) throw new Error(`${name}: of round ${round}, but its bytes are not (torn?)`);
    this.#verified[i] = { round: Number(round), value };
    return Number(round);
  }

  /**
   * How many operations the state of some keys is behind the newest of them: 0 where all are of one moment.
   *
   * @param rounds By key: the round of its value, or -1 where it is absent; undefined for keys that do not count.
   */
  lagOf(rounds: readonly (number | undefined)[]): { newest: number; lag: number; key: number | undefined } {
    const newest = rounds.reduce((most: number, round) => Math.max(most, (round ?? 0) - 1), -1);
    this.#learn(newest + 1 + AHEAD);
    let [oldest, key]: [number, number | undefined] = [newest + 1, undefined];
    for (const [i, round] of rounds.entries()) {
      const missed = round === undefined ? undefined : this.#firstMissed(i, round, newest);
      if (missed !== undefined && missed < oldest) [oldest, key] = [missed, i];
    }
    return { newest, lag: newest + 1 - oldest, key };
  }

  /** The first operation up to `newest` that a key's state does not show. */
  #firstMissed(i: number, round: number, newest: number): number | undefined {
    const history = this.#history[i];
    let at = history.length - 1;
    for (; at >= 0 && numberOf(history[at]) > newest; at--) {
      // The newest operations of all may be deletes, which leave no value that tells their number.
      if (round < 0 && history[at] < 0) return undefined;
    }
    let missed: number | undefined;
    // A value misses all behind its own put; absence, without a delete that explains it, the fill itself.
    for (; at >= 0; at--) {
      const isShown = round < 0 ? history[at] < 0 : numberOf(history[at]) < round;
      if (isShown) return missed;
      missed = numberOf(history[at]);
    }
    return round < 0 ? -1 : missed;
  }

  #requireWritten(i: number, round: number, name: string): void {
    if (round === 0) return;
    const operation = this.#operation(round - 1);
    if (operation.i === i && !operation.isDelete) return;
    throw new Error(`${name}: operation ${round - 1} did not put it`);
  }

  #learn(upTo: number): void {
    for (; this.#known < upTo; this.#known++) {
      const { i, isDelete } = this.#operation(this.#known);
      this.#history[i].push(isDelete ? ~this.#known : this.#known);
    }
  }

  #operation(n: number): Operation {
    const base = operationBase(this.#mix.seed, n);
    return {
      i: Number(splitmix64(base) % BigInt(this.#mix.keyspace)),
      isDelete: splitmix64(u64(base + 1n)) % 100n < BigInt(this.#mix.deletePercent),
    };
  }
}
