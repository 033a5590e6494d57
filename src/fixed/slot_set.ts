const PAGE_SHIFT = 18;
const PAGE_MASK = (1 << PAGE_SHIFT) - 1;

/** A set of slot ids: one bit each, in pages that exist only where a slot was added. */
export class SlotSet {
  readonly #pages: (Uint32Array | undefined)[] = [];
  #size = 0;

  /** Number of slots in the set. */
  get size(): number {
    return this.#size;
  }

  /** Whether the slot is in the set. */
  has(slot: number): boolean {
    const page = this.#pages[slot >>> PAGE_SHIFT];
    return page !== undefined && (page[(slot & PAGE_MASK) >>> 5] & (1 << (slot & 31))) !== 0;
  }

  /** Adds a slot. */
  add(slot: number): void {
    const page = this.#pages[slot >>> PAGE_SHIFT] ??= new Uint32Array(1 << (PAGE_SHIFT - 5));
    const word = (slot & PAGE_MASK) >>> 5;
    const bit = 1 << (slot & 31);
    if ((page[word] & bit) === 0) this.#size++;
    page[word] |= bit;
  }

  /** Removes a slot; says whether it was there. */
  delete(slot: number): boolean {
    if (!this.has(slot)) return false;
    this.#pages[slot >>> PAGE_SHIFT]![(slot & PAGE_MASK) >>> 5] &= ~(1 << (slot & 31));
    this.#size--;
    return true;
  }

  /** Removes all. */
  clear(): void {
    this.#pages.length = 0;
    this.#size = 0;
  }

  /** The slots, ascending. A slot removed meanwhile is passed over. */
  *[Symbol.iterator](): Generator<number> {
    for (let page = 0; page < this.#pages.length; page++) {
      const words = this.#pages[page];
      if (words === undefined) continue;
      for (let word = 0; word < words.length; word++) {
        if (words[word] === 0) continue;
        for (let bit = 0; bit < 32; bit++) {
          if ((words[word] & (1 << bit)) !== 0) yield (page << PAGE_SHIFT) + (word << 5) + bit;
        }
      }
    }
  }
}
