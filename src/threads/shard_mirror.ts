/** The owner's side of shards that a thread has: the same memory, to be read. */

import { StorageError } from "../errors.ts";
import { MetaTable } from "../fixed/meta_table.ts";
import { Shard, type ShardGuard } from "../fixed/shard.ts";
import { slotSize } from "../fixed/layout.ts";
import type { SegmentPlace } from "../fixed/slot_index.ts";
import type { Shape } from "../slot_events.ts";
import { ResidentMirror } from "../storage/resident_mirror.ts";
import { OWNER, TurnLock } from "./turn_lock.ts";
import { NUMBERS, type SharedPart, type SharedPlace, type Update, WORDS } from "./updates.ts";

/** What is told of the scans of a thread's shards: see ReplicaTargetOptions. */
export interface ScanListener {
  onScanBegins(shard: number, isFirst: boolean): void;
  onScanEnds(shard: number, diverged: number): void;
  onRepaired(shard: number): void;
}

/** What mirrors are made with. */
export interface ShardMirrorsOptions {
  words: Int32Array;
  /** The oldest updates that were not read; undefined where there are none. */
  read(): Update[] | undefined;
  shape: Shape;
  listener: ScanListener;
}

/** A turn of a thread takes a millisecond or two, unless its disk hangs. */
const LONGEST_WAIT_MS = 10_000;

/** All shards of a thread. */
export class ShardMirrors {
  /** The shards that were opened, by id. */
  readonly shards: Map<number, Shard> = new Map();
  /** Counts the turns in which they were held. */
  turn = 0;
  readonly #options: ShardMirrorsOptions;
  readonly #lock: TurnLock;
  readonly #mirrors = new Map<number, ShardMirror>();
  #read = 0;

  /** Mirrors of what a thread has opened or is going to. */
  constructor(options: ShardMirrorsOptions) {
    this.#options = options;
    this.#lock = new TurnLock({
      words: options.words,
      side: OWNER,
      longestWaitMs: LONGEST_WAIT_MS,
      onTake: () => this.#refresh(),
      onGive: () => this.#observe(),
    });
  }

  /** Keeps the thread from changing its shards until this turn of JavaScript ends, and takes what it told before. */
  hold(): void {
    this.#lock.hold();
  }

  #refresh(): void {
    const { words } = this.#options;
    this.turn++;
    words[WORDS.isTold] = 0;
    // Read first: what an update leads to may look at the numbers of its shard.
    while (this.#read !== words[WORDS.mailed]) {
      const updates = this.#nextMail();
      this.#read = (this.#read + 1) | 0;
      for (const update of updates) this.#take(update);
    }
  }

  /** It was sent before it was counted, so it is here, or about to be. */
  #nextMail(): Update[] {
    const deadline = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      const updates = this.#options.read();
      if (updates !== undefined) return updates;
      if (performance.now() > deadline) {
        throw new StorageError("Cannot read the copy: what its thread has told does not come");
      }
    }
  }

  #observe(): void {
    let isObserved = 0;
    for (const { observers } of this.shards.values()) {
      if (observers.size > 0) isObserved = 1;
    }
    this.#options.words[WORDS.isObserved] = isObserved;
  }

  #take(update: Update): void {
    const { listener, shape } = this.#options;
    switch (update.type) {
      case "opened": {
        const mirror = new ShardMirror(update.shard, shape, new Float64Array(update.numbers), this);
        this.#mirrors.set(update.shard, mirror);
        this.shards.set(update.shard, mirror.shard);
        return;
      }
      case "scan-begins":
        return listener.onScanBegins(update.shard, update.isFirst);
      case "scan-ends":
        return listener.onScanEnds(update.shard, update.diverged);
      case "repaired":
        return listener.onRepaired(update.shard);
      default:
        this.#mirrors.get(update.shard)!.take(update);
    }
  }
}

/** One shard. */
class ShardMirror implements ShardGuard {
  readonly shard: Shard;
  readonly #file: ResidentMirror;
  readonly #numbers: Float64Array;
  readonly #mirrors: ShardMirrors;
  readonly #observed: ObservedShard;
  /** The turn that the shard's fields are of. */
  #turn = 0;

  constructor(id: number, shape: Shape, numbers: Float64Array, mirrors: ShardMirrors) {
    this.#file = new ResidentMirror(slotSize(shape));
    this.shard = new Shard(id, shape, this.#file);
    this.#observed = new ObservedShard(id, shape);
    this.#numbers = numbers;
    this.#mirrors = mirrors;
    this.shard.guard = this;
  }

  hold(): void {
    this.#mirrors.hold();
    if (this.#turn === this.#mirrors.turn) return;
    this.#turn = this.#mirrors.turn;
    this.#readNumbers();
  }

  take(update: Update): void {
    const { shard } = this;
    switch (update.type) {
      case "windows":
        return this.#file.addWindows(update.windows.map(bytesIn), update.shift);
      case "metas":
        return update.pages.forEach((page) => shard.metas.addPage(wordsIn(page)));
      case "segments":
        return update.places.forEach((place) => shard.index.putSegment(placeIn(place)));
      case "unverified":
        return shard.unverified.putPage(update.place, wordsIn(update.page));
      case "written": {
        this.#observed.show(new Uint8Array(update.record), update.meta);
        const { slot, keyChanged, previous } = update;
        for (const observer of shard.observers) observer.written(this.#observed, slot, keyChanged, previous);
        return;
      }
      case "removed":
        for (const observer of shard.observers) {
          observer.removed(this.#observed, update.slot, new Uint8Array(update.key), update.servedBy);
        }
        return;
      case "quarantined":
        for (const observer of shard.observers) {
          observer.quarantined?.(this.#observed, update.slot, new Uint8Array(update.key));
        }
        return;
      case "forgot":
        for (const observer of shard.observers) observer.forgot?.(this.#observed);
    }
  }

  #readNumbers(): void {
    const { shard } = this;
    const numbers = this.#numbers;
    const slotCount = numbers[NUMBERS.slotCount];
    shard.metas.setLength(slotCount);
    this.#file.recordCount = slotCount;
    shard.occupied = numbers[NUMBERS.occupied];
    shard.deleted = numbers[NUMBERS.deleted];
    shard.written = numbers[NUMBERS.written];
    shard.maxVersion = numbers[NUMBERS.maxVersion];
    shard.misrouted = numbers[NUMBERS.misrouted] === 1;
    shard.unverified.setSize(numbers[NUMBERS.unverified]);
    shard.index.setCounts(numbers[NUMBERS.entries], numbers[NUMBERS.duplicates]);
    const { counters } = shard;
    counters.applied.occupied = numbers[NUMBERS.appliedOccupied];
    counters.applied.deleted = numbers[NUMBERS.appliedDeleted];
    counters.applied.reset = numbers[NUMBERS.appliedReset];
    counters.skipped.same = numbers[NUMBERS.skippedSame];
    counters.skipped.older = numbers[NUMBERS.skippedOlder];
    counters.staleCleanups = numbers[NUMBERS.staleCleanups];
    counters.crcErrors = numbers[NUMBERS.crcErrors];
    counters.diverged = numbers[NUMBERS.diverged];
  }
}

function bytesIn({ buffer, byteOffset, length }: SharedPart): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function wordsIn({ buffer, byteOffset, length }: SharedPart): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function placeIn({ segment, ...place }: SharedPlace): SegmentPlace {
  const { buffer, byteOffset, length } = segment.entries;
  return { ...place, segment: { ...segment, entries: new Int32Array(buffer, byteOffset, length) } };
}

/** A shard as it was when something happened to one of its slots: of that slot it has what observers ask for. */
class ObservedShard extends Shard {
  override readonly metas: OneMeta = new OneMeta();
  readonly #record: OneRecord;

  constructor(id: number, shape: Shape) {
    const record = new OneRecord(slotSize(shape));
    super(id, shape, record);
    this.#record = record;
  }

  show(record: Uint8Array, meta: number): void {
    this.#record.window = record;
    this.metas.meta = meta;
  }
}

class OneRecord extends ResidentMirror {
  override at(): number {
    return 0;
  }
}

class OneMeta extends MetaTable {
  meta = 0;

  override get(): number {
    return this.meta;
  }
}
