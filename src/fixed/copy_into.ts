import type { SlotFile } from "../storage/slot_file.ts";

/** From this length on `set` is faster than words. */
const LONG = 256;

/** Copies bytes of a slot file into buffers of callers, who as a rule bring the same one again and again. */
export class CopyInto {
  #out: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#out.buffer);

  /** Copies `length` bytes from `start` of the file's window to the start of `out`. */
  copy(out: Uint8Array, { window, view }: SlotFile, start: number, length: number): void {
    if (length >= LONG) return out.set(window.subarray(start, start + length));
    if (out !== this.#out) this.#take(out);
    let i = 0;
    for (const last = length - 4; i <= last; i += 4) {
      this.#view.setInt32(i, view.getInt32(start + i, true), true);
    }
    for (; i < length; i++) out[i] = window[start + i];
  }

  #take(out: Uint8Array): void {
    this.#out = out;
    this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  }
}
