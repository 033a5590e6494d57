/**
 * Applies whole scans to one shard, batch by batch, and says what an event took: `apply.ts FILE STORAGE SLOTS`.
 *
 * Each figure is the least of several scans: the first ones compile. Every slot is new, then as it was, then written
 * again with another value.
 */
import { closeSync, ftruncateSync, openSync } from "node:fs";
import process from "node:process";

import { applyEvents } from "../../src/fixed/apply.ts";
import { OCCUPIED, packMeta } from "../../src/fixed/meta.ts";
import { Shard } from "../../src/fixed/shard.ts";
import { WholeScan } from "../../src/fixed/whole_scan.ts";
import { BatchDecoder } from "../../src/replication/batch_decoder.ts";
import { BATCH_HEAD_BYTES } from "../../src/replication/wire.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { openSlotFile } from "../../src/storage/open_slot_file.ts";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { say } from "./answer.ts";

const HEADER_BYTES = 4096;
const SHAPE = { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 };
const SLOT_BYTES = 32;
const EVENT_BYTES = 32;
const BATCH_EVENTS = 256;
const SCANS = 4;

const [path, storage, slotsText] = process.argv.slice(2);
const slots = Math.floor(Number(slotsText) / BATCH_EVENTS) * BATCH_EVENTS;

/** An empty shard over a file of zeros. */
function emptyShard(): Shard {
  const fd = openSync(path, "w");
  ftruncateSync(fd, HEADER_BYTES + slots * SLOT_BYTES);
  closeSync(fd);
  const file = openSlotFile(storage as StorageKind, {
    files: detectRuntime().files,
    path,
    headerBytes: HEADER_BYTES,
    recordBytes: SLOT_BYTES,
    recordCount: slots,
  });
  const shard = new Shard(0, SHAPE, file);
  shard.metas.grow(slots);
  shard.index.expect(slots);
  return shard;
}

const decoder = new BatchDecoder(SHAPE);
const payload = new Uint8Array(BATCH_HEAD_BYTES + BATCH_EVENTS * EVENT_BYTES);
const view = new DataView(payload.buffer);
view.setUint32(1, BATCH_EVENTS, true);

/** Makes the batch that begins with a slot: keys that are spread, the version as value. */
function fillBatch(first: number, version: number): void {
  for (let i = 0, at = BATCH_HEAD_BYTES; i < BATCH_EVENTS; i++, at += EVENT_BYTES) {
    view.setUint32(at, first + i, true);
    view.setUint32(at + 4, packMeta(version, OCCUPIED), true);
    view.setUint32(at + 8, Math.imul(first + i, 0x9e37_79b1), true);
    view.setUint32(at + 12, first + i, true);
    view.setUint32(at + 16, version, true);
  }
}

/** CPU of this process, in ns. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** ns an event of one scan at a version. */
function scan(shard: Shard, version: number): number {
  const whole = new WholeScan(shard, { mode: "guard", limit: 0.1 });
  const begun = cpuNs();
  for (let first = 0; first < slots; first += BATCH_EVENTS) {
    fillBatch(first, version);
    applyEvents(shard, decoder.decode(payload, { shard: 0, version: 2 }), whole);
    shard.settle();
    shard.file.flush();
  }
  return (cpuNs() - begun) / slots;
}

const least = { "new ns": Infinity, "unchanged ns": Infinity, "update ns": Infinity };
function note(name: keyof typeof least, ns: number): void {
  least[name] = Math.min(least[name], ns);
}

for (let round = 0; round < SCANS; round++) {
  const shard = emptyShard();
  note("new ns", scan(shard, 1));
  note("unchanged ns", scan(shard, 1));
  note("update ns", scan(shard, 2));
  if (shard.index.keys !== slots || shard.counters.diverged > 0) throw new Error("Cannot trust these scans");
  shard.file.close();
}
say(least);
process.exit(0);
