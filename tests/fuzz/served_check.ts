/** Compares what an open directory serves with the bytes of its files, without the code that serves it. */

import { crc32 } from "node:zlib";
import type { Directory } from "../../src/directory/directory.ts";
import { HEADER_BYTES, slotSize } from "../../src/fixed/layout.ts";
import { pageOf } from "../../src/fixed/page.ts";
import { must } from "./refusal.ts";
import type { MemoryTree } from "./memory_tree.ts";

const OCCUPIED = 1;

/**
 * All keys and values that a directory serves, as hex, each of which stands in a slot of its files under a good CRC.
 * Throws a Fault where entries, pages, size and single reads do not agree.
 */
export function checkServed(tree: MemoryTree, directory: Directory): Map<string, string> {
  const { store } = directory;
  const entries = new Map<string, string>();
  for (const [key, value] of store.entries()) {
    must(!entries.has(key.toHex()), () => `${key.toHex()} comes twice`);
    entries.set(key.toHex(), value.toHex());
    checkKey(tree, directory, key, value);
  }
  const isMisrouted = store.shards.some((shard) => shard.misrouted);
  must(
    isMisrouted || store.size === entries.size,
    () => `size is ${store.size}, entries are ${entries.size}`,
  );
  const listed = pageOf(store, { limit: 1000 }).entries.map(({ key, value }) =>
    `${key.toHex()} ${value.toHex()}`
  );
  const served = [...entries].map((entry) => entry.join(" "));
  must(listed.sort().join() === served.sort().join(), () => `pages list ${listed}, entries are ${served}`);
  return entries;
}

function checkKey(tree: MemoryTree, directory: Directory, key: Uint8Array, value: Uint8Array): void {
  const { store, shape } = directory;
  const { found, slot, shard, version, value: read } = store.lookup(key);
  must(found === "yes", () => `${key.toHex()} is listed, and not found`);
  must(read!.toHex() === value.toHex(), () => `${key.toHex()} is listed with another value than is read`);
  const file = tree.bytesOf(directory.shardPath(shard, "fixed.data"));
  const at = HEADER_BYTES + slot! * slotSize(shape);
  const record = file.subarray(at + 8, at + 8 + shape.keyLength + shape.valueLength);
  must(
    record.toHex() === key.toHex() + value.toHex(),
    () => `slot ${slot} of shard ${shard} holds something else`,
  );
  const view = new DataView(file.buffer, file.byteOffset + at, 8);
  const meta = view.getUint32(0, true);
  must(
    (meta & 3) === OCCUPIED && meta >>> 2 === version,
    () => `slot ${slot} has meta ${meta}, not ${version}`,
  );
  const sum = crc32(record, crc32(file.subarray(at, at + 4)));
  must(view.getUint32(4, true) === sum, () => `slot ${slot} of shard ${shard} is served with a bad CRC`);
}
