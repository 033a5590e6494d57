/** Integers of 8, 16 and 32 bits, as numbers. A value out of range is a UsageError, never cut. */

import { refused } from "./field_error.ts";
import type { ValueType } from "./value_type.ts";

/** What makes one integer type differ from another. */
interface Layout {
  length: number;
  low: number;
  high: number;
  ordered?: boolean;
  read(view: DataView, at: number): number;
  store(view: DataView, at: number, value: number): void;
}

function integer(
  name: string,
  { length, low, high, ordered = false, read, store }: Layout,
): ValueType<number> {
  return {
    name,
    length,
    ordered,
    read,
    write(view, at, value) {
      if (!Number.isInteger(value) || value < low || value > high) {
        throw refused(name, value, `integers from ${low} to ${high}`);
      }
      store(view, at, value);
    },
  };
}

/** An unsigned integer of 8 bits. */
export const u8: ValueType<number> = integer("u8", {
  length: 1,
  low: 0,
  high: 255,
  ordered: true,
  read: (view, at) => view.getUint8(at),
  store: (view, at, value) => view.setUint8(at, value),
});

/** A signed integer of 8 bits. */
export const i8: ValueType<number> = integer("i8", {
  length: 1,
  low: -128,
  high: 127,
  read: (view, at) => view.getInt8(at),
  store: (view, at, value) => view.setInt8(at, value),
});

/** An unsigned integer of 16 bits, little-endian. */
export const u16le: ValueType<number> = integer("u16le", {
  length: 2,
  low: 0,
  high: 65_535,
  read: (view, at) => view.getUint16(at, true),
  store: (view, at, value) => view.setUint16(at, value, true),
});

/** An unsigned integer of 16 bits, big-endian. */
export const u16be: ValueType<number> = integer("u16be", {
  length: 2,
  low: 0,
  high: 65_535,
  ordered: true,
  read: (view, at) => view.getUint16(at),
  store: (view, at, value) => view.setUint16(at, value),
});

/** A signed integer of 16 bits, little-endian. */
export const i16le: ValueType<number> = integer("i16le", {
  length: 2,
  low: -32_768,
  high: 32_767,
  read: (view, at) => view.getInt16(at, true),
  store: (view, at, value) => view.setInt16(at, value, true),
});

/** A signed integer of 16 bits, big-endian. */
export const i16be: ValueType<number> = integer("i16be", {
  length: 2,
  low: -32_768,
  high: 32_767,
  read: (view, at) => view.getInt16(at),
  store: (view, at, value) => view.setInt16(at, value),
});

/** An unsigned integer of 32 bits, little-endian. */
export const u32le: ValueType<number> = integer("u32le", {
  length: 4,
  low: 0,
  high: 4_294_967_295,
  read: (view, at) => view.getUint32(at, true),
  store: (view, at, value) => view.setUint32(at, value, true),
});

/** An unsigned integer of 32 bits, big-endian. */
export const u32be: ValueType<number> = integer("u32be", {
  length: 4,
  low: 0,
  high: 4_294_967_295,
  ordered: true,
  read: (view, at) => view.getUint32(at),
  store: (view, at, value) => view.setUint32(at, value),
});

/** A signed integer of 32 bits, little-endian. */
export const i32le: ValueType<number> = integer("i32le", {
  length: 4,
  low: -2_147_483_648,
  high: 2_147_483_647,
  read: (view, at) => view.getInt32(at, true),
  store: (view, at, value) => view.setInt32(at, value, true),
});

/** A signed integer of 32 bits, big-endian. */
export const i32be: ValueType<number> = integer("i32be", {
  length: 4,
  low: -2_147_483_648,
  high: 2_147_483_647,
  read: (view, at) => view.getInt32(at),
  store: (view, at, value) => view.setInt32(at, value),
});
