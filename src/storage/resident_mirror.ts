import { StorageError } from "../errors.ts";
import type { SlotFile } from "./slot_file.ts";

/** A resident slot file of another thread: its memory, to be read. */
export class ResidentMirror implements SlotFile {
  readonly kind = "resident" as const;
  readonly inMemory = true;
  readonly hasStaged = false;
  readonly gathers = false;
  readonly unsynced = false;
  readonly hasLost = false;
  readonly loadLimit = Infinity;
  readonly recordBytes: number;
  onLost: ((first: number, count: number) => Promise<void>) | undefined = undefined;
  recordCount = 0;
  window: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.window.buffer);
  readonly #windows: Uint8Array[] = [];
  readonly #views: DataView[] = [];
  #shift = 0;
  #mask = 0;

  /** A mirror of a file of which nothing is known yet but the bytes of a record. */
  constructor(recordBytes: number) {
    this.recordBytes = recordBytes;
  }

  /** Takes further windows, of 2^shift records each. */
  addWindows(windows: readonly Uint8Array[], shift: number): void {
    this.#shift = shift;
    this.#mask = 2 ** shift - 1;
    for (const window of windows) {
      this.#windows.push(window);
      this.#views.push(new DataView(window.buffer, window.byteOffset, window.byteLength));
    }
  }

  at(record: number): number {
    const window = record >>> this.#shift;
    this.window = this.#windows[window];
    this.view = this.#views[window];
    return (record & this.#mask) * this.recordBytes;
  }

  load(_first: number, count: number): number {
    return count;
  }

  /** There is nothing to close: the other thread does. */
  close(): void {}

  flush(): void {}

  stage(): number {
    throw notOurs();
  }

  stageHead(): void {
    throw notOurs();
  }

  writeHeader(): void {
    throw notOurs();
  }

  reserve(): boolean {
    throw notOurs();
  }

  extend(): void {
    throw notOurs();
  }

  sync(): Promise<void> {
    return Promise.reject(notOurs());
  }

  syncNow(): void {
    throw notOurs();
  }

  assumeUnsynced(): void {
    throw notOurs();
  }
}

function notOurs(): StorageError {
  return new StorageError("Cannot write: another thread keeps this file");
}
