/** log2 of a block's bytes, a page of the system: 16 GiB of them are a bitmap of 512 KiB. */
const BLOCK_SHIFT = 12;
const WORD_BITS = 32;

/** A range of a file, in bytes: `end` is the first one behind it. */
export interface ByteRange {
  /** The first byte. */
  start: number;
  /** The first byte behind it. */
  end: number;
}

/**
 * The blocks of a file that were written since the last sync that succeeded.
 *
 * A system that failed to write pages says so once, in fdatasync, and takes them for clean afterwards: the next sync
 * succeeds, and what it did not write is gone. So what a failed sync covered has to be written again.
 */
export class UnsyncedBlocks {
  #written = new Uint32Array(8);
  /** What the sync that goes on covers. */
  #covered = new Uint32Array(8);

  /** Notes a write, in bytes of the file. */
  add(position: number, length: number): void {
    const last = (position + length - 1) / 2 ** BLOCK_SHIFT >>> 0;
    if (last >>> 5 >= this.#written.length) this.#enlarge(last);
    for (let block = position / 2 ** BLOCK_SHIFT >>> 0; block <= last; block++) {
      this.#written[block >>> 5] |= 1 << block;
    }
  }

  /** Notes that any of the first so many bytes may have been written. */
  addAll(length: number): void {
    const words = Math.ceil(length / 2 ** BLOCK_SHIFT / WORD_BITS);
    if (words > this.#written.length) this.#enlarge(words * WORD_BITS - 1);
    this.#written.fill(-1, 0, words);
  }

  /** A sync begins: it covers what was written so far. */
  begin(): void {
    const covered = this.#covered;
    covered.fill(0);
    this.#covered = this.#written;
    this.#written = covered.length < this.#covered.length ? new Uint32Array(this.#covered.length) : covered;
  }

  /** The sync has failed: what it covered is as unsynced as before. */
  failed(): void {
    if (this.#written.length < this.#covered.length) this.#enlarge(this.#covered.length * WORD_BITS - 1);
    for (let i = 0; i < this.#covered.length; i++) this.#written[i] |= this.#covered[i];
  }

  /** The blocks, as ranges that do not touch each other, ascending; those that are written meanwhile may be missing. */
  *ranges(): Generator<ByteRange> {
    const blocks = this.#written.length * WORD_BITS;
    for (let block = 0; block < blocks; block++) {
      if (this.#written[block >>> 5] === 0) block |= 31;
      if (!this.#has(block)) continue;
      const first = block;
      while (block < blocks && this.#has(block)) block++;
      yield { start: first * 2 ** BLOCK_SHIFT, end: block * 2 ** BLOCK_SHIFT };
    }
  }

  /** Forgets all: they were written again, or given up. */
  clear(): void {
    this.#written.fill(0);
  }

  #has(block: number): boolean {
    return (this.#written[block >>> 5] >>> (block & 31) & 1) === 1;
  }

  #enlarge(block: number): void {
    const larger = new Uint32Array(2 ** Math.ceil(Math.log2((block >>> 5) + 1)));
    larger.set(this.#written);
    this.#written = larger;
  }
}
