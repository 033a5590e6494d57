/**
 * The least that a follower can do: cuts frames, acknowledges each batch and decodes nothing: `ack_only.ts ADDRESS`.
 *
 * It connects through the runtime interface, as the product does, and learns the number of shards as every follower
 * must: from the ShardInfo of shard 0, on a connection that stays.
 */
import process from "node:process";
import { parseAddress } from "../../src/address.ts";
import { type Frame, Framer } from "../../src/replication/framer.ts";
import {
  decodeCaughtUp,
  decodeError,
  decodeShardInfo,
  encodeAck,
  encodeSyncRequest,
  FrameType,
} from "../../src/replication/protocol.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Connection } from "../../src/runtime/runtime.ts";
import { processMemory } from "../process_memory.ts";
import type { AckOnlyReport } from "../reports.ts";
import { say } from "./answer.ts";

const CONNECT_MS = 5000;

const address = parseAddress(process.argv[2]);
const { network } = detectRuntime();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
let greetedAt: number | undefined;
let shardCount = 1;
let caughtUp = 0;
let scanned = 0;

/** One shard's connection. */
class Scan {
  readonly #framer = new Framer();
  readonly #ack: Uint8Array;
  #connection: Connection | undefined;

  constructor(readonly shard: number) {
    this.#ack = encodeAck({ shard, applied: 0, maxVersion: 0 });
  }

  async start(): Promise<void> {
    const handlers = {
      onData: (bytes: Uint8Array) => this.#onData(bytes),
      onClose: () => fail(`the leader closed the connection of shard ${this.shard}`),
    };
    this.#connection = await network.connect(address, handlers, CONNECT_MS);
    this.#connection.write(encodeSyncRequest({ shard: this.shard, version: 2, emptyState: true }));
  }

  #onData(bytes: Uint8Array): void {
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      this.#onFrame(frame);
    }
  }

  #onFrame({ type, payload }: Frame): void {
    if (type === FrameType.SlotBatch) this.#connection!.write(this.#ack);
    else if (type === FrameType.ShardInfo) onShardInfo(decodeShardInfo(payload).shardCount);
    else if (type === FrameType.CaughtUp) onCaughtUp(decodeCaughtUp(payload).scanned);
    else if (type === FrameType.Error) fail(decodeError(payload));
  }
}

function onShardInfo(count: number): void {
  if (greetedAt !== undefined) return;
  greetedAt = performance.now();
  shardCount = count;
  for (let shard = 1; shard < count; shard++) void new Scan(shard).start();
}

function onCaughtUp(events: number): void {
  scanned += events;
  if (++caughtUp < shardCount) return;
  const now = performance.now();
  const { user, system } = process.cpuUsage(cpuBefore);
  const report: AckOnlyReport = {
    inPlaceMs: now - startedAt,
    scanMs: now - greetedAt!,
    scanned,
    cpuMs: (user + system) / 1000,
    ...processMemory(),
  };
  say(report);
  process.exit(0);
}

function fail(why: string): never {
  console.error(`Cannot scan: ${why}`);
  process.exit(1);
}

await new Scan(0).start();
