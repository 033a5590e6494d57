import type { SlotFile } from "../storage/slot_file.ts";
import { Histogram } from "../histogram.ts";
import { LastError } from "../last_error.ts";
import { wrapStorageError } from "../storage/storage_error.ts";

/** The longest wait between syncs that fail. */
const LONGEST_WAIT_MS = 10_000;

/** Makes a file durable by the clock, while it changes: reads and other shards go on meanwhile. */
export class SyncTimer {
  /** When all that was written was last known to be on disk (Unix ms). */
  syncedAtMs: number | undefined;
  /** Why the last sync failed, until one succeeds. */
  readonly lastError: LastError = new LastError();
  /** How long the syncs took that succeeded. */
  readonly durations: Histogram = new Histogram();
  readonly #file: SlotFile;
  readonly #intervalMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #isStopped = false;

  /** Without an interval only {@link now} syncs. */
  constructor(file: SlotFile, intervalMs: number | undefined) {
    this.#file = file;
    this.#intervalMs = intervalMs;
  }

  /** Notes a write: a sync follows within the interval. */
  wrote(): void {
    if (this.#intervalMs === undefined || this.#timer !== undefined || this.#isStopped) return;
    if (!this.#file.unsynced) return;
    this.#timer = setTimeout(() => this.#sync(), this.#waitMs(this.#intervalMs));
  }

  /** Syncs now. Rejects with StorageError. */
  async now(): Promise<void> {
    const startedAtMs = Date.now();
    const startedAt = performance.now();
    try {
      // What could not be written before: without it, not all would be on disk.
      this.#file.flush();
      await this.#file.sync();
      this.durations.observe(performance.now() - startedAt);
      this.syncedAtMs = startedAtMs;
      this.lastError.clear();
      this.#failures = 0;
    } catch (error) {
      const failure = wrapStorageError(error, "sync", "fixed.data");
      this.lastError.set(failure);
      this.#failures++;
      throw failure;
    }
  }

  /** After failures it doubles: each retry may write much again. */
  #waitMs(intervalMs: number): number {
    return this.#failures === 0 ? intervalMs : Math.min(intervalMs * 2 ** this.#failures, LONGEST_WAIT_MS);
  }

  /** Stops the clock. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #sync(): Promise<void> {
    // The error stays in status; the next interval tries again, since the file is still unsynced.
    await this.now().catch(() => {});
    this.#timer = undefined;
    this.wrote();
  }
}
