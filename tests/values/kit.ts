/** Bytes in words, and the error of a call. */

import { SlotcaskError } from "../../src/errors.ts";
import { decode, encode, type ValueType } from "../../src/values/mod.ts";

/** Bytes as "01 ff". */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** The bytes of "01 ff". */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex === "" ? [] : hex.split(" "), (digits) => parseInt(digits, 16));
}

/** What a value becomes on its way to bytes and back, between other bytes that must stay as they are. */
export function roundTrip<T>(type: ValueType<T>, value: T): T {
  const memory = new Uint8Array(type.length + 4).fill(0xa5);
  const view = new DataView(memory.buffer, 1, type.length + 2);
  type.write(view, 1, value);
  const [before, written, after] = [memory.slice(0, 2), memory.slice(2, -2), memory.slice(-2)];
  if (hexOf(before) + hexOf(after) !== "a5 a5a5 a5") throw new Error("It wrote where it should not");
  if (hexOf(written) !== hexOf(encode(type, value))) throw new Error("It left bytes as they were");
  decode(type, written);
  return type.read(view, 1);
}

/** The error that a call throws, as "Class: message". */
export function errorOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SlotcaskError) return `${error.name}: ${error.message}`;
    throw error;
  }
  throw new Error("It did not throw");
}

/** The error of a value that a type refuses, whatever TypeScript says of it. */
export function refusal(type: ValueType<unknown>, value: unknown): string {
  return errorOf(() => encode(type, value));
}
