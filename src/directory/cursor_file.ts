import { type Cursor, decodeCursor, encodeCursor } from "../fixed/cursor.ts";
import type { FileDescriptor, Files } from "../runtime/runtime.ts";
import { readWhole } from "../storage/atomic_file.ts";

/** A cursor is saved at the end of the batch that completes so many events. */
const EVENTS_PER_SAVE = 1000;
/** At full speed that would be thousands of files a second, for a figure that people read. */
const LEAST_MS_BETWEEN_SAVES = 100;

/**
 * The cursor file of a shard. It is not synced: it is for people and metrics, and a disk that refuses it will say so
 * where it matters.
 *
 * It is written in place, as armdb does: 40 bytes in one write. To make it afresh and rename it cost 5 to 8 % of the CPU
 * that a stream of 20,000 events a second takes.
 */
export class CursorFile {
  /** Events applied, over all processes. */
  applied: number;
  readonly #files: Files;
  readonly #path: string;
  readonly #shard: number;
  #file: FileDescriptor | undefined;
  #maxVersion: number;
  #ackedAtMs = 0;
  #unsaved = 0;
  #savedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Takes up the count of the file, if there is one that can be read. */
  constructor(files: Files, path: string, shard: number) {
    this.#files = files;
    this.#path = path;
    this.#shard = shard;
    const cursor = this.#read();
    this.applied = cursor?.applied ?? 0;
    this.#maxVersion = cursor?.maxVersion ?? 0;
  }

  /** Notes a batch of `events`, of which `applied` changed something. */
  advance(events: number, applied: number, maxVersion: number): void {
    this.applied += applied;
    this.#maxVersion = maxVersion;
    this.#unsaved += events;
    if (this.#unsaved < EVENTS_PER_SAVE || this.#timer !== undefined) return;
    const wait = this.#savedAt + LEAST_MS_BETWEEN_SAVES - performance.now();
    if (wait <= 0) this.#write();
    else this.#timer = setTimeout(() => this.#write(), wait);
  }

  /** Saves what is not saved yet and closes the file, at a clean stop. */
  save(): void {
    clearTimeout(this.#timer);
    if (this.#unsaved > 0) this.#write();
    if (this.#file !== undefined) this.#files.close(this.#file);
    this.#file = undefined;
  }

  #read(): Cursor | undefined {
    try {
      return readCursor(this.#files, this.#path);
    } catch {
      // As in #write: nothing that stands there, and cannot be read, keeps the copy from being served.
      return undefined;
    }
  }

  #write(): void {
    this.#timer = undefined;
    this.#savedAt = performance.now();
    this.#unsaved = 0;
    this.#ackedAtMs = Date.now();
    try {
      this.#overwrite();
    } catch {
      // See above: the cursor has no say in replication.
    }
  }

  #overwrite(): void {
    const bytes = encodeCursor({
      shard: this.#shard,
      applied: this.applied,
      maxVersion: this.#maxVersion,
      ackedAtMs: this.#ackedAtMs,
    });
    this.#file ??= this.#files.open(this.#path, "create");
    this.#files.write(this.#file, bytes, 0, bytes.length, 0);
  }
}

/** The cursor at a path; undefined where there is none, or none that can be true. Throws StorageError. */
export function readCursor(files: Files, path: string): Cursor | undefined {
  const bytes = readWhole(files, path);
  return bytes === undefined ? undefined : decodeCursor(bytes);
}
