import type { BackupPart } from "../replica/backup_part.ts";
import type { OwnedThread } from "./owned_thread.ts";

/** A backup's copies of the shards that a thread has. */
export class ThreadBackup implements BackupPart {
  readonly #key: number;
  readonly #thread: OwnedThread;
  readonly #signal: AbortSignal | undefined;

  /** Copies that begin with {@link prepare}; `key` tells them from all others. */
  constructor(key: number, thread: OwnedThread, signal: AbortSignal | undefined) {
    this.#key = key;
    this.#thread = thread;
    this.#signal = signal;
  }

  async prepare(path: string): Promise<void> {
    await this.#thread.calls.call("prepareBackup", { key: this.#key, path });
  }

  begin(): void {
    this.#thread.beginBackup(this.#key);
  }

  async copy(): Promise<void> {
    const giveUp = () => void this.abandon();
    this.#signal?.addEventListener("abort", giveUp);
    try {
      await this.#thread.calls.call("copyBackup", { key: this.#key });
    } finally {
      this.#signal?.removeEventListener("abort", giveUp);
    }
  }

  async abandon(): Promise<void> {
    // A thread that has ended has given all up.
    await this.#thread.calls.call("abandonBackup", { key: this.#key }).catch(() => {});
  }
}
