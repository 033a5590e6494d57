/**
 * The records that were staged since the last flush, and their order on the way to the file.
 *
 * Heads go first: where a record moved from one place to another, a crash between the two writes must not
 * leave the old place as the only, or the preferred, one. Whole records follow as runs of neighbours, since
 * one write of 256 records costs little more than one write of one.
 */
export class StagedRuns {
  #heads = new Uint32Array(256);
  #headCount = 0;
  #records = new Uint32Array(256);
  #recordCount = 0;
  #ascending = true;

  /** Whether nothing is staged. */
  get empty(): boolean {
    return this.#headCount === 0 && this.#recordCount === 0;
  }

  /** Notes a record whose first 4 bytes changed. */
  addHead(record: number): void {
    if (this.#headCount === this.#heads.length) this.#heads = doubled(this.#heads);
    this.#heads[this.#headCount++] = record;
  }

  /** Notes a record that changed as a whole. */
  addRecord(record: number): void {
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
   * Calls `writeHead` for each head whose record is not staged whole, then `writeRun` for each run of
   * neighbouring records, ascending. Forgets all of them only when every call has returned.
   */
  flush(writeHead: (record: number) => void, writeRun: (first: number, count: number) => void): void {
    this.#sort();
    for (let i = 0; i < this.#headCount; i++) {
      if (!this.#isStagedWhole(this.#heads[i])) writeHead(this.#heads[i]);
    }
    this.#eachRun(writeRun);
    this.clear();
  }

  /** Forgets all. */
  clear(): void {
    this.#headCount = 0;
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

  #isStagedWhole(record: number): boolean {
    let low = 0;
    let high = this.#recordCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#records[middle] < record) low = middle + 1;
      else high = middle;
    }
    return low < this.#recordCount && this.#records[low] === record;
  }
}

function doubled(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}
