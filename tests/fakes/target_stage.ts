/** A replica's target over a directory of its own, and what a leader of one shard says to it. */

import { COMPLETENESS_FILE, readCompleteness } from "../../src/directory/completeness.ts";
import { Directory } from "../../src/directory/directory.ts";
import { ReplicaTarget, type ReplicaTargetOptions } from "../../src/replica/replica_target.ts";
import { BatchDecoder } from "../../src/replication/protocol.ts";
import type { EventSource } from "../../src/replication/target.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { SlotEvents } from "../../src/slot_events.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { TimeSlice } from "../../src/time_slice.ts";
import { TemporaryDirectory } from "./followed.ts";
import { batch, type FakeEvent, keyOf, SHAPE } from "./leader_frames.ts";

/** The shape of the leader that a stage has. */
export const LEADER = { ...SHAPE, slotCount: 64 };
const realFiles = detectRuntime().files;

/** What a stage's target may be made with. */
export type StageOptions = Partial<ReplicaTargetOptions> & { storage?: StorageKind };

/** Events as a leader sends them. */
export function eventsOf(events: FakeEvent[]): SlotEvents {
  return new BatchDecoder(SHAPE).decode(batch(events).subarray(5), { shard: 0, version: 2 });
}

/** See the head of this file. */
export class TargetStage implements AsyncDisposable {
  readonly scans: string[] = [];
  readonly temporary = new TemporaryDirectory();
  target!: ReplicaTarget;

  /** Opens a target over a new directory, which is made by its first scan. */
  static async open(options: StageOptions = {}): Promise<TargetStage> {
    const stage = new TargetStage();
    await stage.reopen(options);
    return stage;
  }

  get path(): string {
    return this.temporary.of("replica");
  }

  /** Closes what is open, and opens the same directory again. */
  async reopen({ storage = "resident", ...options }: StageOptions = {}): Promise<void> {
    await this.target?.close(1000);
    const files = options.files ?? realFiles;
    realFiles.makeDirectory(this.path);
    const directory = { storage, pid: 1 };
    const existing = await Directory.open(files, this.path, directory);
    this.target = new ReplicaTarget({
      files,
      path: this.path,
      directory,
      sync: "none",
      divergence: { mode: "guard", limit: 0.1 },
      leader: () => "leader:1",
      protocol: () => 2,
      slice: new TimeSlice(),
      onScanBegins: (shard, isFirst) => void this.scans.push(`begins ${shard} ${isFirst}`),
      onScanEnds: (shard, diverged) => void this.scans.push(`ends ${shard} ${diverged}`),
      ...options,
    }, existing);
  }

  apply(events: FakeEvent[], source: EventSource = "stream"): number {
    const applied = this.target.apply(0, eventsOf(events), source);
    this.target.flush(0);
    return applied;
  }

  /** A whole scan; answers what it left unconfirmed. */
  async scan(events: FakeEvent[]): Promise<number> {
    await this.target.beginScan(0, "scan", LEADER);
    this.apply(events, "scan");
    return (await this.target.endScan(0, "scan")).unconfirmed;
  }

  /** When the scan began that the disk knows to be under way, or null. */
  get markOnDisk(): number | null {
    return readCompleteness(realFiles, `${this.path}/${COMPLETENESS_FILE}`, 1).shards[0].scanningSinceMs;
  }

  get isComplete(): boolean {
    return this.target.directory!.completeness.isComplete(0);
  }

  get(id: number): Uint8Array | undefined {
    return this.target.directory!.store.get(keyOf(id), { partial: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.target.close(1000);
    this.temporary[Symbol.dispose]();
  }
}
