/**
 * The records that were staged since the last flush, and their order on the way to the file.
 *
 * Heads go first: where a record moved from one place to another, a crash between the two writes must not
 * leave the old place as the only, or the preferred, one. That holds too for a record that was staged whole and
 * got its head afterwards. A head that a whole record followed is not written: beside the record's old bytes it
 * would be a torn slot. Whole records come as runs of neighbours, since one write of 256 records costs little more
 * than one write of one.
 */
export class StagedRuns {
  /** Heads that no whole record followed, in the order of staging. */
  readonly #heads = new Set<number>();
  #records = new Uint32Array(256);
  #recordCount = 0;
  #ascending = true;

  /** Whether nothing is staged. */
  get empty(): boolean {
    return this.#heads.size === 0 && this.#recordCount === 0;
  }

  /** Whether so few whole records are staged, and nothing else: heads are written one by one, however many there are. */
  isBelow(records: number): boolean {
    return this.#heads.size === 0 && this.#recordCount < records;
  }

  /** Notes a record whose first 4 bytes changed. */
  addHead(record: number): void {
    this.#heads.add(record);
  }

  /** Notes a record that changed as a whole. */
  addRecord(record: number): void {
    if (this.#heads.size > 0) this.#heads.delete(record);
    const count = this.#recordCount;
    if (count > 0) {
      const last = this.#records[count - 1];
      if (last === record) return;
      if (last > record) this.#ascending = false;
    }
    if (count === this.#records.length) this.#records = doubled(this.#records);
    this.#records[count] = record;
    this.#recordCount = count + 1;
  }

  /**
   * Calls `writeHead` for each head, then `writeRun` for each run of neighbouring records, ascending. Forgets all
   * of them only when every call has returned.
   */
  flush(writeHead: (record: number) => void, writeRun: (first: number, count: number) => void): void {
    for (const record of this.#heads) writeHead(record);
    this.#sort();
    this.#eachRun(writeRun);
    this.clear();
  }

  /** Forgets all. */
  clear(): void {
    this.#heads.clear();
    this.#recordCount = 0;
    this.#ascending = true;
  }

  #sort(): void {
    if (this.#ascending) return;
    this.#records.subarray(0, this.#recordCount).sort();
    this.#ascending = true;
  }

  #eachRun(writeRun: (first: number, count: number) => void): void {
    const records = this.#records;
    let i = 0;
    while (i < this.#recordCount) {
      const first = records[i];
      let last = first;
      while (++i < this.#recordCount && records[i] - last <= 1) last = records[i];
      writeRun(first, last - first + 1);
    }
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
