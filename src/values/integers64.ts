/**
 * Integers of 64 bits, as bigint, which holds them all; {@link asNumber} makes numbers of those that fit.
 *
 * A bigint is an object for the garbage collector: where values stay below 2^53, numbers are quicker too.
 */

import { FieldError, refused } from "./field_error.ts";
import type { ValueType } from "./value_type.ts";

/** A type of 64-bit integers. */
export interface Integer64Type extends ValueType<bigint> {
  /** Whether it has negative values. */
  readonly signed: boolean;
  /** Whether the least byte comes first. */
  readonly littleEndian: boolean;
}

const WORD = 2 ** 32;

function integer64(name: string, kind: Pick<Integer64Type, "signed" | "littleEndian">): Integer64Type {
  const { signed, littleEndian } = kind;
  const low = signed ? -(2n ** 63n) : 0n;
  const high = signed ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  return {
    name,
    length: 8,
    ordered: !signed && !littleEndian,
    ...kind,
    read: signed
      ? (view, at) => view.getBigInt64(at, littleEndian)
      : (view, at) => view.getBigUint64(at, littleEndian),
    write(view, at, value) {
      if (typeof value !== "bigint" || value < low || value > high) {
        throw refused(name, value, `bigints from ${low}n to ${high}n`);
      }
      view.setBigInt64(at, value, littleEndian);
    },
  };
}

/** An unsigned integer of 64 bits, little-endian. */
export const u64le: Integer64Type = integer64("u64le", { signed: false, littleEndian: true });

/** An unsigned integer of 64 bits, big-endian. */
export const u64be: Integer64Type = integer64("u64be", { signed: false, littleEndian: false });

/** A signed integer of 64 bits, little-endian. */
export const i64le: Integer64Type = integer64("i64le", { signed: true, littleEndian: true });

/** A signed integer of 64 bits, big-endian. */
export const i64be: Integer64Type = integer64("i64be", { signed: true, littleEndian: false });

/**
 * The same bytes as numbers: `asNumber(u64le)`. Only integers up to 2^53 - 1 either way are exact as numbers; one
 * beyond, written or found in the store, is a UsageError: it is never rounded.
 */
export function asNumber(type: Integer64Type): ValueType<number> {
  const { signed, littleEndian } = type;
  const name = `${type.name} as a number`;
  const lowAt = littleEndian ? 0 : 4;
  const highAt = 4 - lowAt;
  const least = signed ? Number.MIN_SAFE_INTEGER : 0;
  return {
    name,
    length: 8,
    ordered: type.ordered,
    read(view, at) {
      const high = signed
        ? view.getInt32(at + highAt, littleEndian)
        : view.getUint32(at + highAt, littleEndian);
      const value = high * WORD + view.getUint32(at + lowAt, littleEndian);
      if (!Number.isSafeInteger(value)) throw tooLarge(type, type.read(view, at));
      return value;
    },
    write(view, at, value) {
      if (!Number.isSafeInteger(value) || value < least) {
        throw refused(name, value, `integers from ${least} to ${Number.MAX_SAFE_INTEGER}`);
      }
      view.setInt32(at + highAt, Math.floor(value / WORD), littleEndian);
      view.setInt32(at + lowAt, value | 0, littleEndian);
    },
  };
}

function tooLarge({ name }: Integer64Type, value: bigint): FieldError {
  return new FieldError(
    "decode",
    `${name} is ${value}, exact as a number are those up to ${Number.MAX_SAFE_INTEGER}: use ${name} itself`,
  );
}
