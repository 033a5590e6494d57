/** Types of single bytes, of bytes as they are, and of bytes that mean nothing. */

import { UsageError } from "../errors.ts";
import { FieldError, refused } from "./field_error.ts";
import type { ValueType } from "./value_type.ts";

/** The longest key and the longest value that a slot can hold. */
const MOST_BYTES = 65_535;
/** Up to this length a loop beats `set` and `slice`, which need an object each. */
const SHORT = 32;

/** A byte that is 0 or 1, as Rust's bool. Another one in the store is a UsageError. */
export const bool: ValueType<boolean> = {
  name: "bool",
  length: 1,
  ordered: true,
  read(view, at) {
    const byte = view.getUint8(at);
    if (byte > 1) throw new FieldError("decode", `bool is the byte ${byte}, allowed are 0 and 1`);
    return byte === 1;
  },
  write(view, at, value) {
    if (typeof value !== "boolean") throw refused("bool", value, "true and false");
    view.setUint8(at, value ? 1 : 0);
  },
};

/** So many bytes as they are: a copy when read, exactly so many when written. */
export function bytes(length: number): ValueType<Uint8Array> {
  const name = `bytes(${checkedLength("bytes", length)})`;
  return {
    name,
    length,
    ordered: true,
    read: (view, at) => readBytes(view, at, length),
    write(view, at, value) {
      if (!(value instanceof Uint8Array) || value.length !== length) {
        throw refused(name, value, `${length} bytes`);
      }
      writeBytes(view, at, value);
    },
  };
}

/** The type of {@link skip}. */
export interface SkipType extends ValueType<undefined> {
  /** Tells structs to leave it out. */
  readonly skipped: true;
}

/** So many bytes that a struct passes over: they are no field of the object, and are written as zeros. */
export function skip(length: number): SkipType {
  checkedLength("skip", length);
  return {
    name: `skip(${length})`,
    length,
    skipped: true,
    read: () => undefined,
    write: (view, at) => writeZeros(view, at, length),
  };
}

/** A copy of bytes. */
export function readBytes(view: DataView, at: number, length: number): Uint8Array {
  if (length > SHORT) return new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
  const copy = new Uint8Array(length);
  for (let i = 0; i < length; i++) copy[i] = view.getUint8(at + i);
  return copy;
}

/** Writes bytes. */
export function writeBytes(view: DataView, at: number, value: Uint8Array): void {
  if (value.length > SHORT) {
    return new Uint8Array(view.buffer, view.byteOffset + at, value.length).set(value);
  }
  for (let i = 0; i < value.length; i++) view.setUint8(at + i, value[i]);
}

/** Writes so many zeros. */
export function writeZeros(view: DataView, at: number, length: number): void {
  for (let i = 0; i < length; i++) view.setUint8(at + i, 0);
}

/** A length that a key or a value can have; throws UsageError for any other. */
export function checkedLength(what: string, length: number): number {
  if (Number.isInteger(length) && length >= 0 && length <= MOST_BYTES) return length;
  throw new UsageError(
    `Cannot make this type: length of ${what} is ${length}, allowed are integers from 0 to ${MOST_BYTES}`,
  );
}
