import { isZero } from "../is_zero.ts";

const PAGE_SHIFT = 16;
const PAGE_SLOTS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_SLOTS - 1;
const PAGE_BYTES = PAGE_SLOTS * 4;

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
    if (this.#pages.length * PAGE_SLOTS < length) this.#addPage();
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

  /**
   * Shared memory is not counted towards the next garbage collection, which would be a step of milliseconds. Two pages
   * share a buffer: one of less than 512 KiB Deno takes from a heap that it clears, so that it costs memory untouched.
   */
  #addPage(): void {
    const isFirst = this.#pages.length % 2 === 0;
    const buffer = isFirst ? new SharedArrayBuffer(2 * PAGE_BYTES) : this.#pages.at(-1)!.buffer;
    this.#pages.push(new Uint32Array(buffer, isFirst ? 0 : PAGE_BYTES, PAGE_SLOTS));
  }

  #bytesOf(page: number): Uint8Array {
    const slots = Math.min(PAGE_SLOTS, this.#length - page * PAGE_SLOTS);
    const { buffer, byteOffset } = this.#pages[page];
    return new Uint8Array(buffer, byteOffset, slots * 4);
  }
}
