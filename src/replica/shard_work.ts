/** Replication's work on one shard: which scan is the current one, and what has not ended yet. */
export class ShardWork {
  #scans = 0;
  readonly #underWay = new Set<Promise<unknown>>();

  /** Begins a scan, which ends all before it. Answers a way to ask whether it is still the current one. */
  beginScan(): () => boolean {
    const scan = ++this.#scans;
    return () => scan === this.#scans;
  }

  /** From now on no scan is current. */
  abandonScan(): void {
    this.#scans++;
  }

  /** Keeps work until it has ended, and answers it. */
  during<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const ended = () => void this.#underWay.delete(work);
    work.then(ended, ended);
    return work;
  }

  /** Resolves when all that is under way now has ended; never rejects. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}
