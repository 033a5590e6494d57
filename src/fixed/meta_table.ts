import { isZero } from "../is_zero.ts";

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

  /** Fetches a page of the memory that `grow` to this length will want; false while there is more to fetch. */
  reserve(length: number): boolean {
    if (this.#pages.length * PAGE_SLOTS < length) this.#pages.push(newPage());
    return this.#pages.length * PAGE_SLOTS >= length;
  }

  /** Makes room for `length` slots; new ones have meta 0. Never shrinks. */
  grow(length: number): void {
    while (!this.reserve(length));
    if (length > this.#length) this.#length = length;
  }

  /** Pages that hold slots: all are full but the last. */
  get pageCount(): number {
    return Math.ceil(this.#length / PAGE_SLOTS);
  }

  /** Copies the metas of a page, little-endian, to their place in the zeroed bytes of all. Returns how many bytes. */
  copyPageTo(page: number, bytes: Uint8Array): number {
    const held = this.#bytesOf(page);
    // Memory that was never touched costs nothing, neither here nor there.
    if (!isZero(this.#pages[page])) bytes.set(held, page * PAGE_SLOTS * 4);
    return held.length;
  }

  /** Takes the metas of a page from their place in the bytes of all, little-endian. */
  copyPageFrom(page: number, bytes: Uint8Array): void {
    const held = this.#bytesOf(page);
    const start = page * PAGE_SLOTS * 4;
    held.set(bytes.subarray(start, start + held.length));
  }

  #bytesOf(page: number): Uint8Array {
    const slots = Math.min(PAGE_SLOTS, this.#length - page * PAGE_SLOTS);
    return new Uint8Array(this.#pages[page].buffer, 0, slots * 4);
  }
}

/** Shared memory is not counted towards the next garbage collection, which would be a step of milliseconds. */
function newPage(): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(PAGE_SLOTS * 4));
}
