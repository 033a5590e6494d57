const PAGE_SHIFT = 16;
const PAGE_SLOTS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_SLOTS - 1;

/** The metas of all slots of a shard, 4 bytes each, in pages that are added and never copied. */
export class MetaTable {
  readonly #pages: Uint32Array[] = [];
  #length = 0;

  /** Number of slots. */
  get length(): number {
    return this.#length;
  }

  /** Meta of a slot below `length`. */
  get(slot: number): number {
    return this.#pages[slot >>> PAGE_SHIFT][slot & PAGE_MASK];
  }

  /** Sets the meta of a slot below `length`. */
  set(slot: number, meta: number): void {
    this.#pages[slot >>> PAGE_SHIFT][slot & PAGE_MASK] = meta;
  }

  /** Makes room for `length` slots; new ones have meta 0. Never shrinks. */
  grow(length: number): void {
    while (this.#pages.length * PAGE_SLOTS < length) this.#pages.push(new Uint32Array(PAGE_SLOTS));
    if (length > this.#length) this.#length = length;
  }

  /** Copies all metas, little-endian, to the start of `bytes`. */
  copyTo(bytes: Uint8Array): void {
    for (let page = 0; page * PAGE_SLOTS < this.#length; page++) {
      const slots = Math.min(PAGE_SLOTS, this.#length - page * PAGE_SLOTS);
      bytes.set(new Uint8Array(this.#pages[page].buffer, 0, slots * 4), page * PAGE_SLOTS * 4);
    }
  }

  /** Takes all metas from the start of `bytes`, little-endian. */
  copyFrom(bytes: Uint8Array): void {
    for (let page = 0; page * PAGE_SLOTS < this.#length; page++) {
      const start = page * PAGE_SLOTS * 4;
      const slots = Math.min(PAGE_SLOTS, this.#length - page * PAGE_SLOTS);
      new Uint8Array(this.#pages[page].buffer).set(bytes.subarray(start, start + slots * 4));
    }
  }
}
