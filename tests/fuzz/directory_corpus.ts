/** Small directories as followers and leaders leave them: what is mutated. */

import { encodeCompleteness } from "../../src/directory/completeness.ts";
import { Directory } from "../../src/directory/directory.ts";
import { encodeCursor } from "../../src/fixed/cursor.ts";
import { putSlot } from "../../src/fixed/write.ts";
import { applyEvent } from "../../src/fixed/apply.ts";
import { DELETED, FREE, packMeta } from "../../src/fixed/meta.ts";
import { shardOfKey } from "../../src/fixed/routing.ts";
import { eventBytes, type Shape } from "../../src/slot_events.ts";
import { MemoryTree } from "./memory_tree.ts";
import type { Random } from "../harness/random.ts";
import { must } from "./refusal.ts";

/** Where every one of them lies. */
export const PATH = "/replica";

const SHAPES: Shape[] = [
  { shardCount: 1, keyLength: 4, valueLength: 3, prefixBits: 0 },
  { shardCount: 1, keyLength: 8, valueLength: 16, prefixBits: 0 },
  { shardCount: 2, keyLength: 8, valueLength: 16, prefixBits: 0 },
  { shardCount: 2, keyLength: 16, valueLength: 0, prefixBits: 12 },
  { shardCount: 3, keyLength: 1, valueLength: 40, prefixBits: 0 },
];

/** A directory and what was put into it. */
export interface SampleDirectory {
  /** Its files. */
  tree: MemoryTree;
  /** Its shape. */
  shape: Shape;
}

/** Directories of all shapes, closed cleanly and not. */
export async function sampleDirectories(random: Random): Promise<SampleDirectory[]> {
  const samples: SampleDirectory[] = [];
  for (const shape of SHAPES) {
    for (const slots of [0, 1, 6, 20]) {
      for (const isClean of [true, false]) samples.push(await sample(shape, { slots, isClean, random }));
    }
  }
  return samples;
}

async function sample(
  shape: Shape,
  { slots, isClean, random }: { slots: number; isClean: boolean; random: Random },
): Promise<SampleDirectory> {
  const tree = new MemoryTree();
  tree.makeDirectory(PATH);
  const directory = await Directory.create(tree.files, PATH, shape, { storage: "resident", pid: 1 });
  for (const shard of directory.store.shards) {
    if (slots > 0) await directory.grow(shard.id, slots, true);
    for (let slot = 0; slot < slots; slot++) fill(directory, { shard: shard.id, slot }, random);
    shard.file.flush();
    const cursor = { shard: shard.id, applied: 1000 + slots, maxVersion: 7, ackedAtMs: 1_700_000_000_000 };
    if (random.oneIn(2)) tree.put(directory.shardPath(shard.id, "fixed_repl.cursor"), encodeCursor(cursor));
  }
  const left = isClean ? tree : tree.copy();
  const dirty = await directory.close(1000);
  must(dirty.length === 0, () => `shards ${dirty} of a sample are not closed cleanly`);
  if (random.oneIn(2)) left.put(`${PATH}/slotcask.json`, completeness(shape.shardCount, random));
  left.put(`${PATH}/db.lock`, new TextEncoder().encode("4711\n"));
  return { tree: left.copy(), shape };
}

function fill(directory: Directory, at: { shard: number; slot: number }, random: Random): void {
  const { shape, store } = directory;
  const shard = store.shards[at.shard];
  const record = random.bytes(shape.keyLength + shape.valueLength);
  for (let tries = 0; shardOfKey(record, 0, shape) !== at.shard && tries < 50; tries++) record[0]++;
  if (random.oneIn(5)) return;
  putSlot(shard, at.slot, record);
  const event = eventBytes(record);
  if (random.oneIn(5)) applyEvent(shard, at.slot, packMeta(9, DELETED), event, 0);
  else if (random.oneIn(9)) applyEvent(shard, at.slot, packMeta(9, FREE), event, 0);
}

function completeness(shardCount: number, random: Random): Uint8Array {
  const shards = Array.from({ length: shardCount }, () => ({
    wholeScanAtMs: random.oneIn(4) ? null : 1_700_000_000_000,
    scanningSinceMs: random.oneIn(4) ? 1_700_000_000_500 : null,
  }));
  return encodeCompleteness({ leader: "127.0.0.1:9100", protocol: 2, shards });
}
