/** One file in memory that counts what is done to it, and fails where it is told to. */

import { errorWithCode } from "../../src/error_code.ts";
import type { FileDescriptor, Files, MapRange } from "../../src/runtime/runtime.ts";

/** As long as a mapped file can become. */
const MAPPED_BYTES = 4 << 20;

/** A call that changed the file. */
export interface FileWrite {
  /** Offset in the file. */
  position: number;
  /** Bytes written. */
  length: number;
}

/** As many of {@link Files} as slot files use; every path is the same file. */
export class MemoryFiles implements Partial<Files> {
  /** The content. */
  bytes = new Uint8Array(0);
  /** Every write, in order. */
  writes: FileWrite[] = [];
  /** Number of reads. */
  reads = 0;
  /** Reads from this one on fail (0: the next), as on a broken disk. */
  failingRead = Infinity;
  /** Number of syncs that began. */
  syncs = 0;
  /** Writes from this one on fail (0: the next), as on a full disk. */
  failingWrite = Infinity;
  /** Whether syncs fail. */
  failsSync = false;
  /** While set, an asynchronous sync waits for it. */
  held: Promise<void> | undefined;
  /** How many times the file is open. */
  openCount = 0;

  /** This, as the whole interface: a test fails that needs more. */
  get files(): Files {
    return this as unknown as Files;
  }

  open(): FileDescriptor {
    this.openCount++;
    return 3;
  }

  close(): void {
    this.openCount--;
  }

  read(_file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): number {
    this.reads++;
    if (this.failingRead-- <= 0) throw errorWithCode("input/output error", "EIO");
    const part = this.bytes.subarray(position, position + length);
    bytes.set(part, at);
    return part.length;
  }

  write(_file: FileDescriptor, bytes: Uint8Array, at: number, length: number, position: number): void {
    if (this.failingWrite-- <= 0) throw errorWithCode("no space left", "ENOSPC");
    this.writes.push({ position, length });
    this.#reserve(position + length);
    this.bytes.set(bytes.subarray(at, at + length), position);
  }

  size(): number {
    return this.bytes.length;
  }

  truncate(_file: FileDescriptor, size: number): void {
    if (this.bytes.buffer.byteLength === MAPPED_BYTES) {
      this.bytes.fill(0, size);
      this.bytes = this.bytes.subarray(0, size);
    } else this.bytes = this.bytes.slice(0, size);
    this.#reserve(size);
  }

  /** From now on the content lies in one buffer, and `bytes` are as much of it as the file is long. */
  map(_file: FileDescriptor, { position }: MapRange): Uint8Array<ArrayBuffer> {
    if (this.bytes.buffer.byteLength < MAPPED_BYTES) {
      const mapped = new Uint8Array(MAPPED_BYTES);
      mapped.set(this.bytes);
      this.bytes = mapped.subarray(0, this.bytes.length);
    }
    return new Uint8Array(this.bytes.buffer, position);
  }

  loadMaps(): void {}

  readAhead(): void {}

  allocate(_file: FileDescriptor, position: number, length: number): void {
    this.#reserve(position + length);
  }

  async sync(): Promise<void> {
    this.syncs++;
    await this.held;
    if (this.failsSync) throw errorWithCode("input/output error", "EIO");
  }

  syncNow(): void {
    this.syncs++;
    if (this.failsSync) throw errorWithCode("input/output error", "EIO");
  }

  #reserve(size: number): void {
    if (size <= this.bytes.length) return;
    if (this.bytes.buffer.byteLength === MAPPED_BYTES) {
      this.bytes = new Uint8Array(this.bytes.buffer, 0, size);
      return;
    }
    const larger = new Uint8Array(size);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}
