/** Apply, whole scans, their end and recovery together: a copy of a simulated leader, through cuts and crashes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { iterateShard } from "../../src/fixed/entries.ts";
import { recoverShard } from "../../src/fixed/recover.ts";
import { finishScan, forgetSuspects, settleDuplicates, suspectUnseen } from "../../src/fixed/scan_end.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import { STORAGE_KINDS, type StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { apply, makeShard, openShard, type TestEvent, textOf } from "../fakes/shard_kit.ts";

const SLOTS = 12;
const KEYS = Array.from("abcdefgh");

/** An armdb in short: a key keeps its slot, a new one takes the lowest free one, each write adds 1 to the version. */
class ModelLeader {
  readonly slots: (TestEvent | undefined)[] = Array(SLOTS).fill(undefined);

  put(key: string, value: string): TestEvent {
    const own = this.slots.findIndex((slot) => slot?.key === key && slot.value !== undefined);
    const slot = own >= 0 ? own : this.slots.findIndex((slot) => slot?.value === undefined);
    return this.#write({ slot, version: 0, key, value });
  }

  delete(key: string): TestEvent | undefined {
    const slot = this.slots.findIndex((slot) => slot?.key === key && slot.value !== undefined);
    return slot < 0 ? undefined : this.#write({ slot, version: 0, key });
  }

  /** Sorted "key=value" of all keys. */
  entries(): string[] {
    return this.slots.filter((slot) => slot?.value !== undefined).map((slot) => `${slot!.key}=${slot!.value}`)
      .sort();
  }

  #write(event: TestEvent): TestEvent {
    event.version = (this.slots[event.slot]?.version ?? 0) + 1;
    return this.slots[event.slot] = event;
  }
}

/** The copy: a shard, what crashes do to it, and the connection to the leader. */
class Replica {
  readonly #kind: StorageKind;
  readonly #leader: ModelLeader;
  #made: ReturnType<typeof makeShard>;
  /** Events that wait for the scan to end; undefined while there is no connection. */
  queue: TestEvent[] | undefined;
  #scan: WholeScan | undefined;

  constructor(kind: StorageKind, leader: ModelLeader) {
    this.#kind = kind;
    this.#leader = leader;
    this.#made = makeShard(SLOTS, { kind });
  }

  get shard() {
    return this.#made.shard;
  }

  /** The leader wrote: live it is applied, during a scan it waits, without a connection it is lost. */
  heard(event: TestEvent | undefined): void {
    if (event === undefined || this.queue === undefined) return;
    if (this.#scan === undefined) apply(this.shard, [event]);
    else this.queue.push({ ...event });
  }

  disconnect(): void {
    this.queue = undefined;
    this.#scan = undefined;
  }

  /** Connects and begins a scan, in which `hold` allows no contradiction: this leader never lost anything. */
  connect(): void {
    this.queue = [];
    this.#scan = new WholeScan(this.shard, { mode: "hold", limit: 0 });
  }

  /** Takes the events of so many slots of the scan; ends it behind the last. */
  async scan(slots: number): Promise<void> {
    if (this.#scan === undefined) return;
    const first = this.#scan.position;
    const events = this.#leader.slots.slice(first, first + slots).filter((slot) => slot !== undefined);
    apply(this.shard, events.map((event) => ({ ...event })), this.#scan);
    // Slots that were never written have no event; the position moves on with the next one.
    if (first + slots >= SLOTS || this.#leader.slots.slice(this.#scan.position).every((slot) => !slot)) {
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    const scan = this.#scan!;
    const steps = { slice: new TimeSlice(1000), isCurrent: () => true };
    await finishScan(scan, steps);
    await forgetSuspects(this.shard, steps);
    expect(suspectUnseen(this.shard, scan)).toBe(0);
    await settleDuplicates(this.shard, "highest", steps);
    this.shard.file.flush();
    this.#scan = undefined;
    for (const event of this.queue!) apply(this.shard, [event]);
  }

  /** kill -9, and a new process: what was flushed is there. */
  async crash(): Promise<void> {
    this.disconnect();
    const { disk } = this.#made;
    const shard = openShard(disk, SLOTS, { kind: this.#kind });
    await recoverShard(shard, SLOTS, { slice: new TimeSlice(1000) });
    this.#made = { disk, shard };
  }

  entries(): string[] {
    return [...iterateShard(this.shard)].map((pair) => pair.map(textOf).join("=")).sort();
  }

  /** Whether every write of the leader has arrived. */
  get isLive(): boolean {
    return this.queue !== undefined && this.#scan === undefined;
  }
}

describe.each(STORAGE_KINDS)("a %s copy of a leader", (kind) => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("put"), key: fc.constantFrom(...KEYS), n: fc.nat(99) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("delete"), key: fc.constantFrom(...KEYS), n: fc.nat(0) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom("connect", "scan", "scan", "scan", "scan", "scan", "disconnect", "crash"),
        key: fc.constant(""),
        n: fc.integer({ min: 1, max: SLOTS }),
      }),
    },
  );

  test("is equal whenever it is live, whatever was cut, lost and crashed before", async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: "max" }), async (steps) => {
        const leader = new ModelLeader();
        const replica = new Replica(kind, leader);
        const check = () => {
          if (!replica.isLive) return;
          compared++;
          expect(replica.entries()).toEqual(leader.entries());
          expect([replica.shard.index.keys, replica.shard.index.duplicates, replica.shard.unverified.size])
            .toEqual([leader.entries().length, 0, 0]);
        };
        for (const { kind, key, n } of steps) {
          if (kind === "put") replica.heard(leader.put(key, String(n)));
          if (kind === "delete") replica.heard(leader.delete(key));
          if (kind === "disconnect") replica.disconnect();
          if (kind === "connect") replica.connect();
          if (kind === "scan") await replica.scan(n);
          if (kind === "crash") await replica.crash();
          check();
        }
        replica.connect();
        await replica.scan(SLOTS);
        expect(replica.isLive).toBe(true);
        check();
        await replica.crash();
        expect(replica.entries()).toEqual(leader.entries());
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(compared).toBeGreaterThan(1000);
  });
});
