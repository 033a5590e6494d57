/** Staging begins with room for this many bytes and grows with the largest batch. */
const LEAST_BYTES = 64 << 10;
const NONE = -1;

/**
 * The bytes of the whole records that wait for a flush, in the order of staging, and where each of them lies.
 *
 * The places stand in a hash table of typed arrays: each event of a batch asks for one, and a Map costs several
 * times as much (see mapped.ts).
 */
export class StagedRecords {
  /** The bytes; replaced when there have to be more. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The same, as words. */
  words: Uint32Array;
  /** The same, for numbers. */
  view: DataView;
  /** The most records that were staged. */
  highWater = 0;
  readonly #recordBytes: number;
  #count = 0;
  /** The records by their order, and the cells of the table that name them. */
  #records: Uint32Array;
  #cells: Uint32Array;
  /** By the hash of a record: 1 + its order, or 0. Half of it at most is in use. */
  #table: Uint32Array;
  /** What is left of a hash's 32 bits. */
  #shift: number;

  /** Staging for records of a size. */
  constructor(recordBytes: number) {
    this.#recordBytes = recordBytes;
    const room = 2 ** Math.max(0, Math.floor(Math.log2(LEAST_BYTES / recordBytes)));
    this.bytes = new Uint8Array(room * recordBytes);
    this.words = wordsOf(this.bytes);
    this.view = new DataView(this.bytes.buffer);
    this.#records = new Uint32Array(room);
    this.#cells = new Uint32Array(room);
    this.#table = new Uint32Array(room * 2);
    this.#shift = 31 - Math.log2(room);
  }

  /** How many records are staged. */
  get count(): number {
    return this.#count;
  }

  /** The offset of a record in `bytes`, or -1. */
  placeOf(record: number): number {
    const order = this.#table[this.#cellOf(record)];
    return order === 0 ? NONE : (order - 1) * this.#recordBytes;
  }

  /** The offset of a record in `bytes`, which is made where there is none. */
  placeFor(record: number): number {
    let cell = this.#cellOf(record);
    if (this.#table[cell] !== 0) return (this.#table[cell] - 1) * this.#recordBytes;
    if (this.#count === this.#records.length) {
      this.#enlarge();
      cell = this.#cellOf(record);
    }
    const order = this.#count++;
    if (this.#count > this.highWater) this.highWater = this.#count;
    this.#put(order, record, cell);
    return order * this.#recordBytes;
  }

  /** Sets the first 4 bytes of a record that is staged, little-endian. */
  stageWord(record: number, word: number): void {
    const place = this.placeOf(record);
    if (place >= 0) this.view.setUint32(place, word, true);
  }

  /** Forgets all. */
  clear(): void {
    for (let order = 0; order < this.#count; order++) this.#table[this.#cells[order]] = 0;
    this.#count = 0;
  }

  #put(order: number, record: number, cell: number): void {
    this.#records[order] = record;
    this.#cells[order] = cell;
    this.#table[cell] = order + 1;
  }

  /** The cell that names the record, or the empty one that would. */
  #cellOf(record: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let cell = Math.imul(record, 0x9e37_79b1) >>> this.#shift;
    while (table[cell] !== 0 && this.#records[table[cell] - 1] !== record) cell = (cell + 1) & mask;
    return cell;
  }

  #enlarge(): void {
    const records = this.#records;
    const bytes = new Uint8Array(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.words = wordsOf(bytes);
    this.view = new DataView(bytes.buffer);
    this.#records = new Uint32Array(records.length * 2);
    this.#cells = new Uint32Array(records.length * 2);
    this.#table = new Uint32Array(records.length * 4);
    this.#shift--;
    for (const [order, record] of records.entries()) this.#put(order, record, this.#cellOf(record));
  }
}

function wordsOf({ buffer, length }: Uint8Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(buffer, 0, length >>> 2);
}
