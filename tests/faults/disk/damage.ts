/** Ways to damage the data file of a shard behind its owner's back: what disks and their firmware do. */

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

import { HEADER_BYTES, SLOT_BYTES } from "./stage.ts";

/** See the head of this file. */
export class DataFile {
  constructor(readonly path: string) {}

  /** A copy of a slot's bytes. */
  slot(slot: number): Uint8Array {
    const bytes = new Uint8Array(SLOT_BYTES);
    this.#open((file) => readSync(file, bytes, 0, SLOT_BYTES, positionOf(slot)));
    return bytes;
  }

  /** Writes into a slot. */
  write(slot: number, bytes: Uint8Array, at = 0): void {
    this.#open((file) => writeSync(file, bytes, 0, bytes.length, positionOf(slot) + at));
  }

  /** Flips a bit of a slot. */
  flip(slot: number, bit: number): void {
    const bytes = this.slot(slot);
    bytes[bit >>> 3] ^= 1 << (bit & 7);
    this.write(slot, bytes);
  }

  /** What a write of a slot left that ended, or began, at so many of its bytes. */
  tear(slot: number, { before, after, at }: { before: Uint8Array; after: Uint8Array; at: number }): void {
    this.write(slot, after.subarray(0, at));
    this.write(slot, before.subarray(at), at);
  }

  /** Takes the clean flag away, as a kill would have left it. */
  markDirty(): void {
    this.#open((file) => writeSync(file, Uint8Array.of(0), 0, 1, 17));
  }

  /** Shortens the file to so many bytes. */
  truncate(bytes: number): void {
    this.#open((file) => ftruncateSync(file, bytes));
  }

  #open(act: (file: number) => void): void {
    const file = openSync(this.path, "r+");
    try {
      act(file);
    } finally {
      closeSync(file);
    }
  }
}

/** Where a slot begins. */
export function positionOf(slot: number): number {
  return HEADER_BYTES + slot * SLOT_BYTES;
}
