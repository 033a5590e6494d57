/** A replica's life on a disk that is recorded: made, followed, grown, closed, opened again; and what was promised when. */

import { parseAddress } from "../../../src/address.ts";
import { COMPLETENESS_FILE } from "../../../src/directory/completeness.ts";
import { resolveFollowOptions } from "../../../src/replica/follow_options.ts";
import { Follower } from "../../../src/replica/follower.ts";
import type { SyncPolicy } from "../../../src/replica/replica_target.ts";
import { detectRuntime } from "../../../src/runtime/mod.ts";
import type { StorageKind } from "../../../src/storage/slot_file.ts";
import { QUICK, TemporaryDirectory } from "../../fakes/followed.ts";
import { keyOf, valueOf } from "../../fakes/leader_frames.ts";
import { OwnLeader } from "../../fakes/own_leader.ts";
import { until } from "../../harness/until.ts";
import { MemoryDisk, ROOT } from "./memory_disk.ts";
import { dump, range, TWO_SHARDS } from "./stage.ts";

/** The replica's directory. */
export const DIR = `${ROOT}/replica`;
/** Keys that come and go. */
const KEYS = 60;
const PATIENCE_MS = 8000;

/** How the replica is opened. */
export interface LifeOptions {
  storage: StorageKind;
  sync: SyncPolicy;
}

/** By key: how many values of its history are behind what counts. */
export type Floor = number[];

/** See the head of this file. */
export class CutLife implements AsyncDisposable {
  readonly disk = new MemoryDisk();
  readonly leader: OwnLeader;
  /** By key: the values that it had at the leader, one after the other; undefined: none. The first is none. */
  readonly history: (number | undefined)[][] = [];
  /** From this operation of the disk on, nothing older than this is served: it was told to be durable. */
  readonly floors: { op: number; floor: Floor }[] = [];
  /** By the time of a whole scan, as slotcask.json has it, and shard: what it holds at the least. */
  readonly scans = new Map<string, Floor>();
  /** Where the life's parts begin, for who reads of a failure. */
  readonly parts: { op: number; name: string }[] = [];
  readonly #options: LifeOptions;
  readonly #random: () => number;
  readonly #temporary: TemporaryDirectory;
  #follower!: Follower;
  #scanFloor: Floor = [];
  #value = 1;

  private constructor(
    leader: OwnLeader,
    temporary: TemporaryDirectory,
    options: LifeOptions,
    random: () => number,
  ) {
    this.leader = leader;
    this.#temporary = temporary;
    this.#options = options;
    this.#random = random;
    for (const _key of range(KEYS)) this.history.push([undefined]);
    this.disk.onOp = (op) => {
      if (op.type === "rename" && op.to.endsWith(COMPLETENESS_FILE)) this.#noteScans();
    };
  }

  /** Lives the whole life. */
  static async live(options: LifeOptions, random: () => number): Promise<CutLife> {
    const temporary = new TemporaryDirectory();
    const leader = await OwnLeader.start(temporary.of("leader"), { keys: 0, shape: TWO_SHARDS });
    const life = new CutLife(leader, temporary, options, random);
    try {
      await life.#live();
      return life;
    } catch (error) {
      await life[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A follower of the leader, or of nobody, on a disk. */
  static async follow(
    disk: MemoryDisk,
    leader: string,
    { storage, sync }: LifeOptions,
  ): Promise<Follower> {
    return await Follower.start(
      { ...detectRuntime(), files: disk.files },
      parseAddress(leader),
      resolveFollowOptions({
        ...QUICK,
        dir: DIR,
        storage,
        sync,
        onDivergence: "hold",
        rescan: { suspectMs: 20 },
        times: { ...QUICK.times, settleMs: 2, silenceMs: 5000, greetingMs: 3000 },
      }),
    );
  }

  /** The leader's entries as text, sorted. */
  get dump(): string {
    return dump(this.leader.store.entries());
  }

  async #live(): Promise<void> {
    this.#part("made");
    await this.#follow(() => {});
    // A leader's first put gives its file 4,096 slots, and so the replica's.
    this.#part("grows");
    await this.#round(60);
    this.#part("live");
    for (const _round of range(4)) await this.#round(30);
    this.#part("reconnects");
    await this.leader.stopServing();
    this.#churn(60);
    this.#scanFloor = this.#heads();
    await this.leader.serveAgain();
    await this.#round(30);
    this.#part("closes");
    const heads = this.#heads();
    await this.#close(heads);
    this.#part("opens");
    this.#churn(40);
    await this.#follow(() => this.#churn(40));
    this.#part("live again");
    for (const _round of range(3)) await this.#round(30);
    this.#part("closes again");
    await this.#close(this.#heads());
  }

  async #follow(meanwhile: () => void): Promise<void> {
    this.#scanFloor = this.#heads();
    const following = CutLife.follow(this.disk, this.leader.address, this.#options);
    meanwhile();
    this.#follower = await following;
    await this.#follower.caughtUp();
    await this.#isEqual();
  }

  async #close(heads: Floor): Promise<void> {
    const dirty = await this.#follower.close();
    if (dirty.length > 0) throw new Error(`Shards ${dirty} could not be closed`);
    this.#promise(heads);
  }

  /** Changes, until they are there; and until they are told to be on disk, where that is told. */
  async #round(changes: number): Promise<void> {
    this.#churn(changes);
    await this.#isEqual();
    if (this.#options.sync === "none") return;
    const heads = this.#heads();
    const since = Date.now() + 1;
    await until(() => Date.now() >= since, 1000);
    // Keys of both shards, so that each has something to sync.
    for (const key of range(8)) this.#put(key);
    await this.#isEqual();
    const synced = () => this.#follower.status().shards.every(({ syncedAtMs }) => (syncedAtMs ?? 0) >= since);
    await until(synced, PATIENCE_MS, "synced");
    this.#promise(heads);
  }

  async #isEqual(): Promise<void> {
    const wanted = this.dump;
    await until(() => dump(this.#follower.entries()) === wanted, PATIENCE_MS, "equal");
  }

  /** Puts, deletes, and keys that move to other slots. */
  #churn(changes: number): void {
    for (const _change of range(changes)) {
      const key = Math.floor(this.#random() * KEYS);
      if (this.#random() < 0.35) this.#delete(key);
      else this.#put(key);
    }
  }

  #put(key: number): void {
    const value = this.#value = this.#value % 250 + 1;
    this.leader.store.put(keyOf(key), valueOf(value));
    this.history[key].push(value);
  }

  #delete(key: number): void {
    if (this.leader.store.delete(keyOf(key))) this.history[key].push(undefined);
  }

  #heads(): Floor {
    return this.history.map((values) => values.length - 1);
  }

  #promise(floor: Floor): void {
    this.floors.push({ op: this.disk.log.length, floor });
  }

  #part(name: string): void {
    this.parts.push({ op: this.disk.log.length, name });
  }

  #noteScans(): void {
    const text = new TextDecoder().decode(this.disk.files.readFile(`${DIR}/${COMPLETENESS_FILE}`));
    for (const [shard, { wholeScanAtMs }] of JSON.parse(text).shards.entries()) {
      const name = `${wholeScanAtMs}/${shard}`;
      if (wholeScanAtMs !== null && !this.scans.has(name)) this.scans.set(name, this.#scanFloor);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower?.close();
    await this.leader[Symbol.asyncDispose]();
    this.#temporary[Symbol.dispose]();
  }
}
