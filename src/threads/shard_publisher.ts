/** A thread's side of shared shards: what its owner needs to read them, told at the end of each turn. */

import type { Shard, ShardGuard, ShardObserver } from "../fixed/shard.ts";
import type { SegmentPlace } from "../fixed/slot_index.ts";
import { ResidentFile } from "../storage/resident.ts";
import { THREAD, TurnLock } from "./turn_lock.ts";
import { NUMBERS, sharedPart, type Update, WORDS } from "./updates.ts";

/** What a publisher is made with. */
export interface ShardPublisherOptions {
  words: Int32Array;
  /** Puts updates into the owner's mailbox. */
  mail(updates: Update[]): void;
  /** Makes the owner look into it. */
  wake(): void;
  /** It is the moment of a backup: nothing has changed since its owner chose it. */
  onBackup(key: number): void;
}

/** All shards of a thread. */
export class ShardPublisher {
  readonly #words: Int32Array;
  readonly #mail: (updates: Update[]) => void;
  readonly #wake: () => void;
  readonly #onBackup: (key: number) => void;
  readonly #lock: TurnLock;
  readonly #shards: PublishedShard[] = [];
  /** Those that this turn may have changed. */
  readonly #held: PublishedShard[] = [];
  #updates: Update[] = [];
  #isObserved = false;

  /** Of no shards yet. */
  constructor({ words, mail, wake, onBackup }: ShardPublisherOptions) {
    this.#words = words;
    this.#mail = mail;
    this.#wake = wake;
    this.#onBackup = onBackup;
    this.#lock = new TurnLock({
      words,
      side: THREAD,
      // A program that stands still, be it in a debugger, is no reason to give a link up.
      longestWaitMs: Infinity,
      onTake: () => this.#take(),
      onGive: () => this.#publish(),
    });
  }

  /** Keeps the shards for this thread until its turn ends; what the owner has begun meanwhile, begins here. */
  hold(): void {
    this.#lock.hold();
  }

  /** Shares a shard that was just opened. */
  add(shard: Shard): void {
    const published = new PublishedShard(shard, {
      lock: this.#lock,
      onHeld: () => this.#held.push(published),
      tell: (update) => this.#updates.push(update),
    });
    this.#shards.push(published);
    published.hold();
    if (this.#isObserved) shard.observers.add(this.#observer);
  }

  /** Tells the owner something, in its place among all that happens. */
  note(update: Update): void {
    this.#lock.hold();
    this.#updates.push(update);
  }

  /** Before anything changes in this turn. */
  #take(): void {
    this.#observe();
    const backup = this.#words[WORDS.beginsBackup];
    if (backup === 0) return;
    this.#words[WORDS.beginsBackup] = 0;
    this.#onBackup(backup);
  }

  #observe(): void {
    const isObserved = this.#words[WORDS.isObserved] !== 0;
    if (isObserved === this.#isObserved) return;
    this.#isObserved = isObserved;
    for (const { shard } of this.#shards) {
      if (isObserved) shard.observers.add(this.#observer);
      else shard.observers.delete(this.#observer);
    }
  }

  #publish(): void {
    for (const shard of this.#held) shard.publish();
    this.#held.length = 0;
    if (this.#updates.length === 0) return;
    const updates = this.#updates;
    this.#updates = [];
    this.#mail(updates);
    this.#words[WORDS.mailed]++;
    // Else the mailbox of an owner who reads nothing would fill, with memory that is used no more.
    if (this.#words[WORDS.isTold] !== 0) return;
    this.#words[WORDS.isTold] = 1;
    this.#wake();
  }

  readonly #observer: ShardObserver = {
    written: (shard, slot, keyChanged, previous) => {
      const { file } = shard;
      const at = file.at(slot);
      const record = bytesOf(file.window, at, at + file.recordBytes);
      const meta = shard.metas.get(slot);
      this.note({ type: "written", shard: shard.id, slot, keyChanged, previous, meta, record });
    },
    removed: ({ id }, slot, bytes, servedBy) => {
      this.note({ type: "removed", shard: id, slot, key: bytesOf(bytes), servedBy });
    },
    quarantined: ({ id }, slot, key) => {
      this.note({ type: "quarantined", shard: id, slot, key: bytesOf(key) });
    },
    forgot: ({ id }) => this.note({ type: "forgot", shard: id }),
  };
}

/** A copy of bytes, without a view. */
function bytesOf(bytes: Uint8Array, start = 0, end: number = bytes.length): ArrayBuffer {
  return new Uint8Array(bytes.subarray(start, end)).buffer;
}

/** How a shard is published. */
interface PublishedShardOptions {
  lock: TurnLock;
  /** It is held for the first time in this turn. */
  onHeld(): void;
  tell(update: Update): void;
}

/** One shard, and what of it was told. */
class PublishedShard implements ShardGuard {
  readonly #options: PublishedShardOptions;
  readonly #file: ResidentFile;
  readonly #numbers: Float64Array;
  #isHeld = false;
  #windows = 0;
  #pages = 0;
  #places: SegmentPlace[] = [];
  readonly #unverifiedPages = new Set<number>();

  constructor(readonly shard: Shard, options: PublishedShardOptions) {
    this.#options = options;
    if (!(shard.file instanceof ResidentFile)) throw new Error("Cannot share a shard that is not in memory");
    this.#file = shard.file;
    const numbers = new SharedArrayBuffer(8 * NUMBERS.count);
    this.#numbers = new Float64Array(numbers);
    options.tell({ type: "opened", shard: shard.id, numbers });
    shard.index.share((place) => this.#places.push(place));
    shard.guard = this;
  }

  hold(): void {
    if (this.#isHeld) return;
    this.#options.lock.hold();
    this.#isHeld = true;
    this.#options.onHeld();
  }

  /** Tells what there is of memory by now, and the numbers. New keys are in the index before anybody else looks. */
  publish(): void {
    this.shard.settle();
    this.#tellWindows();
    this.#tellPages();
    if (this.#places.length > 0) this.#tellSegments();
    if (this.shard.unverified.size > 0) this.#tellUnverified();
    this.#writeNumbers();
    this.#isHeld = false;
  }

  #tellWindows(): void {
    const { windows, windowShift } = this.#file;
    if (windows.length === this.#windows) return;
    const added = windows.slice(this.#windows).map(sharedPart);
    this.#options.tell({ type: "windows", shard: this.shard.id, shift: windowShift, windows: added });
    this.#windows = windows.length;
  }

  #tellPages(): void {
    const { pages } = this.shard.metas;
    if (pages.length === this.#pages) return;
    this.#options.tell({
      type: "metas",
      shard: this.shard.id,
      pages: pages.slice(this.#pages).map(sharedPart),
    });
    this.#pages = pages.length;
  }

  #tellSegments(): void {
    const places = this.#places.map(({ segment, ...place }) => ({
      ...place,
      segment: { ...segment, entries: sharedPart(segment.entries) },
    }));
    this.#options.tell({ type: "segments", shard: this.shard.id, places });
    this.#places = [];
  }

  #tellUnverified(): void {
    for (const [place, page] of this.shard.unverified.pages.entries()) {
      if (page === undefined || this.#unverifiedPages.has(place)) continue;
      this.#options.tell({ type: "unverified", shard: this.shard.id, place, page: sharedPart(page) });
      this.#unverifiedPages.add(place);
    }
  }

  #writeNumbers(): void {
    const { slotCount, occupied, deleted, written, maxVersion, misrouted, unverified, index, counters } =
      this.shard;
    const numbers = this.#numbers;
    numbers[NUMBERS.slotCount] = slotCount;
    numbers[NUMBERS.occupied] = occupied;
    numbers[NUMBERS.deleted] = deleted;
    numbers[NUMBERS.written] = written;
    numbers[NUMBERS.maxVersion] = maxVersion;
    numbers[NUMBERS.misrouted] = misrouted ? 1 : 0;
    numbers[NUMBERS.unverified] = unverified.size;
    numbers[NUMBERS.entries] = index.entries;
    numbers[NUMBERS.duplicates] = index.duplicates;
    numbers[NUMBERS.appliedOccupied] = counters.applied.occupied;
    numbers[NUMBERS.appliedDeleted] = counters.applied.deleted;
    numbers[NUMBERS.appliedReset] = counters.applied.reset;
    numbers[NUMBERS.skippedSame] = counters.skipped.same;
    numbers[NUMBERS.skippedOlder] = counters.skipped.older;
    numbers[NUMBERS.staleCleanups] = counters.staleCleanups;
    numbers[NUMBERS.crcErrors] = counters.crcErrors;
    numbers[NUMBERS.diverged] = counters.diverged;
  }
}
