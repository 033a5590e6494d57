/** What an operator has done to the copy while it is followed: a check of all slots, a backup. One of each at a time. */

import type { Directory } from "../directory/directory.ts";
import { within } from "../directory/deadline.ts";
import { ConflictError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import type { TimeSlice } from "../time_slice.ts";
import { backupDirectory, newBackupStatus } from "./backup.ts";
import { newVerifyStatus, scrubStore } from "./scrub.ts";
import type { BackupStatus, VerifyStatus } from "./status.ts";

/** See {@link Upkeep.end}. */
const END_LIMIT_MS = 1000;

/** See the head of this file. */
export class Upkeep {
  /** The check that goes on, or the last one. */
  verifyStatus: VerifyStatus | null = null;
  /** The backup that goes on, or the last one. */
  backupStatus: BackupStatus | null = null;
  readonly #files: Files;
  readonly #slice: TimeSlice;
  readonly #ended = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  /** Nothing is under way. */
  constructor(files: Files, slice: TimeSlice) {
    this.#files = files;
    this.#slice = slice;
  }

  /** Checks all slots; `onDamaged` is called with each shard that needs a rescan. Answers the status at the end. */
  async verify(
    { store }: Directory,
    onDamaged: (shard: number) => void,
    signal?: AbortSignal,
  ): Promise<VerifyStatus> {
    requireEnded("verify", this.verifyStatus);
    const status = this.verifyStatus = newVerifyStatus();
    await this.#run(
      (until) => scrubStore(store, { slice: this.#slice, signal: until, status, onDamaged }),
      signal,
    );
    return { ...status };
  }

  /** Copies the directory to a new folder in `parent`. Answers the status at the end. */
  async backup(directory: Directory, parent: string, signal?: AbortSignal): Promise<BackupStatus> {
    requireEnded("back up", this.backupStatus);
    const status = newBackupStatus();
    this.backupStatus = status;
    const files = this.#files;
    await this.#run(
      (until) => backupDirectory(directory, parent, { files, slice: this.#slice, signal: until, status }),
      signal,
    );
    return { ...status };
  }

  /**
   * Gives up what is under way. Resolves once it has ended, or {@link END_LIMIT_MS} later: nothing of it reads the
   * directory any more, but to take away what there is of a large backup takes its time.
   */
  async end(error: Error): Promise<void> {
    this.#ended.abort(error);
    await within(performance.now() + END_LIMIT_MS, Promise.allSettled(this.#underWay)).catch(() => {});
  }

  async #run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    const signals = signal === undefined ? [this.#ended.signal] : [this.#ended.signal, signal];
    const running = work(AbortSignal.any(signals));
    this.#underWay.add(running);
    try {
      await running;
    } finally {
      this.#underWay.delete(running);
    }
  }
}

function requireEnded(what: string, status: VerifyStatus | BackupStatus | null): void {
  if (status === null || status.endedAtMs !== null) return;
  throw new ConflictError(
    `Cannot ${what}: another one has been under way since ${new Date(status.startedAtMs).toISOString()}`,
  );
}
