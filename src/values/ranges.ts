/**
 * Prefixes and ranges of keys: "all of user 42", "all between two moments".
 *
 * A store has no order, so each reads all keys once and takes those that fit. Both go by bytes: a prefix works with
 * any whole fields, a range only with types whose bytes compare as their values do (big-endian, unsigned).
 */

import { UsageError } from "../errors.ts";
import { encode } from "./codec.ts";
import { type Fields, struct, type StructOf, type StructType } from "./struct.ts";
import type { ValueType } from "./value_type.ts";

/** Keys from one to another, by their bytes. */
export interface KeyRange {
  /** The first key that belongs to it. Default: the first of all. */
  readonly from?: Uint8Array;
  /** The first key that does not. Default: none, it goes to the end. */
  readonly to?: Uint8Array;
}

/**
 * The bytes that keys with these first fields begin with: `prefixOf(key, { user: 42n })`. For `entries`, `watch` and
 * `page`. Throws UsageError where a field is missing before one that is given, since the bytes between are unknown.
 */
export function prefixOf<F extends Fields>(
  key: StructType<F>,
  leading: Partial<StructOf<F>>,
): Uint8Array {
  const given = leading as Record<string, unknown>;
  const names = Object.keys(key.fields);
  const isGiven = (name: string) => given[name] !== undefined;
  const count = names.findIndex((name) => !isGiven(name));
  const first = count < 0 ? names : names.slice(0, count);
  const stray = Object.keys(given).find((name) => isGiven(name) && !first.includes(name));
  if (stray !== undefined) {
    const problem = names.includes(stray)
      ? `and not ${names[count]}, which lies before it`
      : "a field it has not";
    throw new UsageError(`Cannot make a prefix of the key: it has ${stray}, ${problem}`);
  }
  return encode(struct(Object.fromEntries(first.map((name) => [name, key.fields[name]]))), given);
}

/** The range of all keys that begin with a prefix. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  const to = prefix.slice();
  for (let i = to.length - 1; i >= 0; i--) {
    if (to[i] < 0xff) {
      to[i]++;
      return { from: prefix.slice(), to: to.slice(0, i + 1) };
    }
  }
  return { from: prefix.slice() };
}

/**
 * The range from one key to another, the latter excluded: `rangeOf(u64be, { from: 10n, to: 20n })`. Throws UsageError
 * for a type whose bytes do not compare as its values do, such as little-endian and signed integers.
 */
export function rangeOf<T>(key: ValueType<T>, { from, to }: { from?: T; to?: T }): KeyRange {
  if (!key.ordered) {
    throw new UsageError(
      `Cannot make a range of ${key.name}: its bytes do not compare as its values do, those of u64be would`,
    );
  }
  return {
    from: from === undefined ? undefined : encode(key, from),
    to: to === undefined ? undefined : encode(key, to),
  };
}

/** Whether a key belongs to a range. */
export function inRange(key: Uint8Array, { from, to }: KeyRange): boolean {
  return (from === undefined || compareBytes(key, from) >= 0) &&
    (to === undefined || compareBytes(key, to) < 0);
}

/** Whether a key begins with these bytes. */
export function hasPrefix(key: Uint8Array, prefix: Uint8Array): boolean {
  if (prefix.length > key.length) return false;
  for (let i = 0; i < prefix.length; i++) {
    if (key[i] !== prefix[i]) return false;
  }
  return true;
}

/** Below 0, 0 or above 0, as `a` comes before, is, or comes after `b`: for `toSorted` too. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}
