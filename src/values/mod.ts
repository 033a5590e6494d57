/**
 * Typed keys and values: what lies in a slot's bytes, said once, for reads, entries and changes.
 *
 * ```ts
 * import { follow } from "slotcask";
 * import { i64le, prefixOf, skip, struct, u32be, u64le } from "slotcask/values";
 *
 * await using follower = await follow("leader:9100", { dir: "./replica" });
 * const key = struct({ user: u32be, account: u32be });
 * const accounts = follower.view({ key, value: struct({ balance: i64le, updatedMs: u64le }) });
 * accounts.get({ user: 42, account: 1 })?.balance; // bigint | undefined
 * for (const [{ account }, { balance }] of accounts.entries({ prefix: prefixOf(key, { user: 42 }) })) {
 *   console.log(account, balance);
 * }
 * ```
 *
 * A value that a type cannot hold, and bytes that are no value of their type, are a UsageError that names the field:
 * nothing is cut, rounded or guessed.
 *
 * @module
 */

export type { TypeOf, ValueType } from "./value_type.ts";
export { i16be, i16le, i32be, i32le, i8, u16be, u16le, u32be, u32le, u8 } from "./integers.ts";
export { asNumber, i64be, i64le, u64be, u64le } from "./integers64.ts";
export type { Integer64Type } from "./integers64.ts";
export { f32be, f32le, f64be, f64le } from "./floats.ts";
export { bool, bytes, skip } from "./plain.ts";
export type { SkipType } from "./plain.ts";
export { hex, text } from "./text.ts";
export type { TextOptions } from "./text.ts";
export { array, struct } from "./struct.ts";
export type { Fields, StructOf, StructType } from "./struct.ts";
export { decode, encode } from "./codec.ts";
export { compareBytes, hasPrefix, inRange, prefixOf, prefixRange, rangeOf } from "./ranges.ts";
export type { KeyRange } from "./ranges.ts";
export { TypedView } from "./view.ts";
export type {
  TypedChange,
  TypedLookup,
  TypedPage,
  TypedPageOptions,
  TypedReadOptions,
  TypedViewSource,
  TypedWatchOptions,
  ViewTypes,
} from "./view.ts";
