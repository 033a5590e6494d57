/** What a disk, a person or another program may do to a directory. */

import { crc32 } from "node:zlib";
import { encodeHeader, HEADER_BYTES, sealSidecar, shardFolder, slotSize } from "../../src/fixed/layout.ts";
import { crc32 as ownCrc32 } from "../../src/fixed/crc32.ts";
import type { Shape } from "../../src/slot_events.ts";
import { PATH } from "./directory_corpus.ts";
import { joined } from "./frame_mutations.ts";
import type { MemoryTree } from "./memory_tree.ts";
import type { Random } from "../harness/random.ts";

/** What a mutation is given. */
interface Victim {
  tree: MemoryTree;
  shape: Shape;
  random: Random;
}

/** Files that a directory has, and some that it should not have. */
const SHARD_FILES = ["fixed.data", "fixed.data", "fixed.data", "fixed.versions", "fixed_repl.cursor"];
const TOP_FILES = ["db.meta", "slotcask.json", "db.lock"];
const STRANGERS = [
  "readme.txt",
  "db.meta.tmp",
  "slotcask.json.tmp",
  "shard_007",
  "shard_000/fixed.versions.tmp",
];
const JSON_VALUES = ["null", "-1", "1e999", "[]", "{}", '"x"', "[".repeat(5000), "true", "1".repeat(400)];

const MUTATIONS: ((victim: Victim) => void)[] = [
  ...Array(5).fill(changeBytes),
  ...Array(4).fill(changeHeader),
  ...Array(6).fill(changeSlot),
  ...Array(3).fill(changeSidecar),
  ...Array(2).fill(changeLength),
  ...Array(2).fill(changeJson),
  changeDbMeta,
  exchangeFiles,
  removeFile,
  renameFile,
  addStranger,
  exchangeKinds,
  lie,
];

/** Changes a directory in one way or in some. */
export function mutateDirectory(tree: MemoryTree, shape: Shape, random: Random): void {
  const victim = { tree, shape, random };
  do random.pick(MUTATIONS)(victim); while (random.oneIn(3));
}

function anyPath({ shape, random }: Victim): string {
  if (random.oneIn(4)) return `${PATH}/${random.pick(TOP_FILES)}`;
  return shardPath(shape, random, random.pick(SHARD_FILES));
}

function shardPath({ shardCount }: Shape, random: Random, name: string): string {
  return `${PATH}/${shardFolder(random.below(shardCount))}/${name}`;
}

/** A data file that is there, and a view of its bytes; undefined where another mutation took it away. */
function dataOf(
  { tree, shape, random }: Victim,
): { bytes: Uint8Array; view: DataView; path: string } | undefined {
  const path = shardPath(shape, random, "fixed.data");
  if (!tree.nodes.has(path)) return undefined;
  const bytes = tree.bytesOf(path);
  if (bytes.length < HEADER_BYTES) return undefined;
  return { path, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** Bits, words, zeros or garbage anywhere in any file. */
function changeBytes(victim: Victim): void {
  const { tree, random } = victim;
  const path = anyPath(victim);
  if (!tree.nodes.has(path)) return;
  const bytes = tree.bytesOf(path);
  if (bytes.length === 0) return;
  // Most of a header is never looked at.
  const first = random.below(random.oneIn(2) ? Math.min(32, bytes.length) : bytes.length);
  const length = random.oneIn(4) ? random.between(1, 5000) : random.between(1, 9);
  const kind = random.below(3);
  if (kind === 0) bytes[first] ^= 1 << random.below(8);
  else if (kind === 1) bytes.fill(random.pick([0, 255]), first, first + length);
  else bytes.set(random.bytes(Math.min(length, bytes.length - first)), first);
}

/** One field of a data header takes a value that means trouble. */
function changeHeader(victim: Victim): void {
  const data = dataOf(victim);
  if (data === undefined) return;
  const { random } = victim;
  const [at, width] = random.pick([[0, 4], [4, 2], [6, 2], [8, 4], [8, 4], [12, 2], [14, 2], [16, 1], [
    17,
    1,
  ]]);
  const value = random.edge();
  if (width === 4) data.view.setUint32(at, value, true);
  else if (width === 2) data.view.setUint16(at, value & 0xffff, true);
  else data.view.setUint8(at, random.oneIn(2) ? random.below(4) : value & 0xff);
}

/** A slot: its meta, its CRC, its key or its value; with a CRC that is right again, or not. */
function changeSlot(victim: Victim): void {
  const data = dataOf(victim);
  const { shape, random } = victim;
  const size = slotSize(shape);
  const count = data === undefined ? 0 : Math.floor((data.bytes.length - HEADER_BYTES) / size);
  if (data === undefined || count === 0) return;
  const slot = HEADER_BYTES + random.below(count) * size;
  const kind = random.below(5);
  if (kind === 0) data.view.setUint32(slot, random.edge(), true);
  else if (kind === 1) data.bytes[slot] = data.bytes[slot] & ~3 | random.below(4);
  else if (kind === 2) data.bytes[slot + random.below(size)] ^= 1 << random.below(8);
  else if (kind === 3) data.bytes.copyWithin(slot, HEADER_BYTES + random.below(count) * size, slot);
  else data.bytes.copyWithin(slot + 8, HEADER_BYTES + random.below(count) * size + 8, slot);
  if (random.oneIn(2)) sealSlot(data, slot, shape);
}

function sealSlot({ bytes, view }: { bytes: Uint8Array; view: DataView }, at: number, shape: Shape): void {
  const record = bytes.subarray(at + 8, at + 8 + shape.keyLength + shape.valueLength);
  view.setUint32(at + 4, crc32(record, crc32(bytes.subarray(at, at + 4))), true);
}

/** The sidecar tells other metas, under a good CRC. */
function changeSidecar(victim: Victim): void {
  const { tree, shape, random } = victim;
  const path = shardPath(shape, random, "fixed.versions");
  if (!tree.nodes.has(path)) return;
  const bytes = tree.bytesOf(path);
  const count = Math.floor((bytes.length - 8) / 4);
  if (count < 1) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(4 * random.below(count), random.oneIn(2) ? random.edge() : random.between(0, 40), true);
  sealSidecar(bytes, count, ownCrc32(bytes, 0, count * 4));
}

/** A file is shorter or longer. */
function changeLength(victim: Victim): void {
  const { tree, random } = victim;
  const path = anyPath(victim);
  if (!tree.nodes.has(path)) return;
  const bytes = tree.bytesOf(path);
  const kind = random.below(4);
  if (kind === 0) tree.put(path, bytes.slice(0, random.below(bytes.length + 1)));
  else if (kind === 1) tree.put(path, bytes.slice(0, Math.max(0, bytes.length - random.between(1, 9))));
  else if (kind === 2) tree.put(path, joined(bytes, new Uint8Array(random.between(1, 5000))));
  else tree.put(path, joined(bytes, random.bytes(random.between(1, 300))));
}

/** slotcask.json says something else, as JSON or not. */
function changeJson({ tree, shape, random }: Victim): void {
  const path = `${PATH}/slotcask.json`;
  const node = tree.nodes.get(path);
  if (node === undefined) {
    const shards = `[${Array(random.between(0, shape.shardCount + 1)).fill(random.pick(JSON_VALUES))}]`;
    tree.put(path, new TextEncoder().encode(`{"format":1,"shards":${shards}}`));
    return;
  }
  const text = new TextDecoder().decode(tree.bytesOf(path));
  const pattern = random.pick([/\d+/, /null/, /"[a-zA-Z]+"/, /\[/, /\]/, /\d{5,}/g, /:/g]);
  tree.put(path, new TextEncoder().encode(text.replace(pattern, random.pick(JSON_VALUES))));
}

function changeDbMeta({ tree, random }: Victim): void {
  const path = `${PATH}/db.meta`;
  if (!tree.nodes.has(path)) return;
  const bytes = tree.bytesOf(path);
  bytes[random.below(bytes.length)] = random.pick([0, 1, 2, 3, 12, 64, 127, 254, 255]);
}

/** Two files are each other's. */
function exchangeFiles(victim: Victim): void {
  const { tree } = victim;
  const [one, two] = [anyPath(victim), anyPath(victim)];
  const [first, second] = [tree.nodes.get(one), tree.nodes.get(two)];
  if (first === undefined || second === undefined || first === second) return;
  tree.nodes.set(one, second);
  tree.nodes.set(two, first);
}

function removeFile(victim: Victim): void {
  const { tree, shape, random } = victim;
  tree.remove(random.oneIn(4) ? `${PATH}/${shardFolder(random.below(shape.shardCount))}` : anyPath(victim));
}

function renameFile(victim: Victim): void {
  const { tree, random } = victim;
  const path = anyPath(victim);
  const node = tree.nodes.get(path);
  if (node === undefined) return;
  tree.nodes.delete(path);
  tree.nodes.set(random.oneIn(2) ? `${path}.tmp` : `${path}.bak`, node);
}

function addStranger({ tree, random }: Victim): void {
  const path = `${PATH}/${random.pick(STRANGERS)}`;
  if (tree.folders.has(path)) return;
  if (random.oneIn(2)) tree.put(path, random.bytes(random.below(64)));
  else if (!tree.nodes.has(path)) tree.makeDirectory(path);
}

/** A directory where a file should be, or the other way round. */
function exchangeKinds(victim: Victim): void {
  const { tree, shape, random } = victim;
  const path = random.oneIn(3) ? `${PATH}/${shardFolder(random.below(shape.shardCount))}` : anyPath(victim);
  const wasFile = tree.nodes.has(path);
  if (!tree.folders.has(path.slice(0, path.lastIndexOf("/")))) return;
  tree.remove(path);
  if (wasFile) tree.makeDirectory(path);
  else tree.put(path, random.bytes(20));
}

/** A header that contradicts itself nowhere, and is another store's. */
function lie(victim: Victim): void {
  const data = dataOf(victim);
  if (data === undefined) return;
  const { random } = victim;
  const keyLength = random.pick([1, 2, 8, 255, 30_000, 65_000]);
  const valueLength = random.pick([0, 1, 16, 500, 519]);
  const size = slotSize({ keyLength, valueLength });
  const most = Math.floor((data.bytes.length - HEADER_BYTES) / size);
  const slotCount = random.between(0, most);
  const shard = data.bytes[16];
  const header = { slotSize: size, slotCount, keyLength, valueLength, shard, clean: random.oneIn(2) };
  data.bytes.set(encodeHeader(header).subarray(0, 32));
}
