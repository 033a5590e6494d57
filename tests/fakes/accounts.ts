/** A replica of accounts in two shards, whose balances have one sum at every moment, and a way to keep it busy. */

import { crc32 } from "node:zlib";

import { Directory } from "../../src/directory/directory.ts";
import { DELETED, OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { shardOfKey } from "../../src/fixed/routing.ts";
import { ReplicaTarget } from "../../src/replica/replica_target.ts";
import type { EventSource } from "../../src/replication/target.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Files } from "../../src/runtime/runtime.ts";
import { eventBytes, type Shape, type SlotEvents } from "../../src/slot_events.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { TemporaryDirectory } from "./followed.ts";

/** Large values: so that a few thousand slots are several pieces of a copy. */
export const ACCOUNTS: Shape = { shardCount: 2, keyLength: 8, valueLength: 200, prefixBits: 0 };
/** Slots of each shard at the start, and those of them that hold an account. */
const SLOTS = 2000, HELD = 1500;
const START_BALANCE = 1000;

const { files } = detectRuntime();

/** An event: without a balance it is a delete. */
interface AccountEvent {
  slot: number;
  version: number;
  key: Uint8Array;
  balance?: number;
}

/** An account, and where it is. */
interface Account {
  key: Uint8Array;
  shard: number;
  slot: number;
  balance: number;
}

/** A slice of which every step is over at once, with a turn of somebody else's work between two of them. */
export class BusySlice extends TimeSlice {
  readonly #turn: (turns: number) => unknown;
  turns = 0;

  constructor(turn: (turns: number) => unknown) {
    super(0);
    this.#turn = turn;
  }

  override async yield(): Promise<void> {
    await super.yield();
    await this.#turn(++this.turns);
    this.begin();
  }
}

/** What a directory holds, in one word. */
export function digestOf(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): string {
  const lines: string[] = [];
  for (const [key, value] of entries) lines.push(`${key} ${crc32(value)}`);
  return `${lines.length} keys, ${crc32(lines.sort().join("\n"))}`;
}

/** The sum of all balances. */
export function sumOf(entries: Iterable<[key: Uint8Array, value: Uint8Array]>): number {
  let sum = 0;
  for (const [, value] of entries) sum += new DataView(value.buffer, value.byteOffset).getInt32(0);
  return sum;
}

/** See the head of this file. */
export class Accounts implements AsyncDisposable {
  readonly temporary = new TemporaryDirectory();
  /** The sum of all balances, at every moment. */
  readonly sum = 2 * HELD * START_BALANCE;
  readonly target: ReplicaTarget;
  readonly #accounts: Account[] = [];
  /** By shard and slot. */
  readonly #versions = [new Map<number, number>(), new Map<number, number>()];
  #keys = 0;
  #random = 1;

  private constructor(target: (temporary: TemporaryDirectory) => ReplicaTarget) {
    this.target = target(this.temporary);
  }

  /** An empty directory, or with accounts of which whole scans told. */
  static async open(
    { storage = "resident", filled = true, withFiles = files }: {
      storage?: StorageKind;
      filled?: boolean;
      withFiles?: Files;
    } = {},
  ): Promise<Accounts> {
    const replica = new Accounts((temporary) => newTarget(withFiles, temporary.of("replica"), storage));
    files.makeDirectory(replica.temporary.of("replica"));
    for (const shard of [0, 1]) {
      await replica.target.beginScan(shard, "scan", { ...ACCOUNTS, slotCount: SLOTS });
    }
    if (!filled) return replica;
    for (const shard of [0, 1]) {
      for (let slot = 0; slot < HELD; slot++) replica.#addAccount(shard, slot);
      replica.applyAll(shard, "scan");
      await replica.target.endScan(shard, "scan");
    }
    return replica;
  }

  get directory(): Directory {
    return this.target.directory!;
  }

  /** Where backups go. */
  get backups(): string {
    return this.temporary.of("backups");
  }

  get digest(): string {
    return digestOf(this.directory.store.entries());
  }

  /** Where each account is. */
  placed(): readonly Readonly<Account>[] {
    return this.#accounts;
  }

  /** Writes the account in a slot once more. */
  touch(shard: number, slot: number): void {
    this.#write(this.#accounts.find((each) => each.shard === shard && each.slot === slot)!);
  }

  /** Moves money between accounts, most of them of different shards; all of it at one moment. */
  transfer(times: number): void {
    for (let i = 0; i < times; i++) {
      const [from, to] = [this.#pick(), this.#pick()];
      from.balance -= 7;
      to.balance += 7;
      this.#write(from);
      if (to !== from) this.#write(to);
    }
  }

  /** Closes accounts: their money goes to others. */
  close(times: number): void {
    for (let i = 0; i < times; i++) {
      const gone = this.#pick();
      this.#accounts.splice(this.#accounts.indexOf(gone), 1);
      const heir = this.#pick();
      heir.balance += gone.balance;
      this.#apply(gone.shard, [{ slot: gone.slot, version: this.#bump(gone), key: gone.key }]);
      this.#write(heir);
    }
  }

  /** Opens an account in a slot that is free, with another's money; the shard must have the slot. */
  openAccount(shard: number, slot: number): void {
    const donor = this.#pick();
    const account = this.#addAccount(shard, slot);
    account.balance = donor.balance;
    donor.balance = 0;
    this.#write(account);
    this.#write(donor);
  }

  /** All accounts of a shard as one batch of a scan or a stream. */
  applyAll(shard: number, source: EventSource): void {
    const accounts = this.#accounts.filter((account) => account.shard === shard);
    accounts.sort((a, b) => a.slot - b.slot);
    this.#apply(shard, accounts.map((each) => ({ ...each, version: this.#versionOf(each) })), source);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target.close(1000);
    this.temporary[Symbol.dispose]();
  }

  #write(account: Account): void {
    this.#apply(account.shard, [{ ...account, version: this.#bump(account) }]);
  }

  #apply(shard: number, events: AccountEvent[], source: EventSource = "stream"): void {
    this.target.apply(shard, eventsOf(events), source);
    this.target.flush(shard);
  }

  #addAccount(shard: number, slot: number): Account {
    const account = { key: this.#newKey(shard), shard, slot, balance: START_BALANCE };
    this.#accounts.push(account);
    return account;
  }

  #newKey(shard: number): Uint8Array {
    for (;;) {
      const key = new Uint8Array(8);
      new DataView(key.buffer).setUint32(4, this.#keys++);
      if (shardOfKey(key, 0, ACCOUNTS) === shard) return key;
    }
  }

  #versionOf({ shard, slot }: Account): number {
    return this.#versions[shard].get(slot) ?? 1;
  }

  #bump(account: Account): number {
    const version = this.#versionOf(account) + 1;
    this.#versions[account.shard].set(account.slot, version);
    return version;
  }

  #pick(): Account {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#accounts[(this.#random >>> 8) % this.#accounts.length];
  }
}

function newTarget(withFiles: Files, path: string, storage: StorageKind): ReplicaTarget {
  const slice = new TimeSlice();
  return new ReplicaTarget({
    files: withFiles,
    path,
    directory: { storage, pid: 1, slice },
    sync: "none",
    divergence: { mode: "guard", limit: 0.1 },
    leader: () => "leader:1",
    protocol: () => 2,
    slice,
  }, undefined);
}

function eventsOf(events: AccountEvent[]): SlotEvents {
  const { keyLength, valueLength } = ACCOUNTS;
  const batch: SlotEvents = {
    ...eventBytes(new Uint8Array(events.length * (keyLength + valueLength))),
    count: events.length,
    slots: new Uint32Array(events.length),
    metas: new Uint32Array(events.length),
    keyAt: new Uint32Array(events.length),
  };
  for (const [i, { slot, version, key, balance }] of events.entries()) {
    const at = i * (keyLength + valueLength);
    batch.slots[i] = slot;
    batch.metas[i] = packMeta(version, balance === undefined ? DELETED : OCCUPIED);
    batch.keyAt[i] = at;
    batch.bytes.set(key, at);
    if (balance !== undefined) batch.view.setInt32(at + keyLength, balance);
    batch.bytes.fill(version, at + keyLength + 4, at + keyLength + valueLength);
  }
  return batch;
}
