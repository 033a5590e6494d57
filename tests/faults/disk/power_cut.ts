/** What a disk holds after the power was cut at some moment: all that was synced, and any part of the rest. */

import { type DiskImage, type DiskOp, isWithin, MemoryDisk, parentOf, ROOT } from "./memory_disk.ts";

/** How much of what was not synced is there after a cut. */
export type Survival = "nothing" | "everything" | "half" | "all but one" | "only one";

/** The ways that are tried. */
export const SURVIVALS: readonly Survival[] = [
  "half",
  "half",
  "all but one",
  "only one",
  "nothing",
  "everything",
];

/** A disk writes so many bytes in one piece, if they are aligned: what is longer may be torn. */
const ATOMIC_BYTES = 8;
/** Of writes that survive, so many are torn. */
const TORN_SHARE = 0.3;

/**
 * The disk after a cut behind the first `ops` of its log.
 *
 * Each write, change of size, and change of a name survives or not, whatever its neighbours do; a write may survive
 * up to, or from, any of its aligned 8 bytes. A rename is whole or not at all.
 */
export function cutPower(disk: MemoryDisk, ops: number, random: () => number): DiskImage {
  const log = disk.log.slice(0, ops);
  const isDurable = durableOps(log);
  const survives = survivorsOf(log, isDurable, random);
  const image = copyOf(disk.image);
  for (const [i, op] of log.entries()) {
    if (isDurable[i]) apply(image, op);
    else if (survives[i]) apply(image, random() < TORN_SHARE ? torn(op, random) : op);
  }
  return reachable(image);
}

function durableOps(log: DiskOp[]): boolean[] {
  const isDurable = log.map(() => false);
  for (const sync of log) {
    if (sync.type === "synced") {
      for (let i = 0; i < sync.upTo; i++) {
        const op = log[i];
        if ((op.type === "write" || op.type === "size") && op.inode === sync.inode) isDurable[i] = true;
      }
    } else if (sync.type === "directory-synced") {
      for (let i = 0; i < sync.upTo; i++) {
        const path = pathOf(log[i]);
        if (path !== undefined && parentOf(path) === sync.path) isDurable[i] = true;
      }
    }
  }
  return isDurable;
}

/** The name that an operation changes. */
function pathOf(op: DiskOp): string | undefined {
  if (op.type === "rename") return op.to;
  return op.type === "name" || op.type === "remove" || op.type === "directory" ? op.path : undefined;
}

function survivorsOf(log: DiskOp[], isDurable: boolean[], random: () => number): boolean[] {
  const open = [...log.keys()].filter((i) => !isDurable[i]);
  const survival = SURVIVALS[Math.floor(random() * SURVIVALS.length)];
  const one = open[Math.floor(random() * open.length)];
  const survives = log.map(() => false);
  for (const i of open) {
    survives[i] = survival === "everything" || (survival === "half" && random() < 0.5) ||
      (survival === "all but one" && i !== one) || (survival === "only one" && i === one);
  }
  return survives;
}

function torn(op: DiskOp, random: () => number): DiskOp {
  if (op.type !== "write" || op.bytes.length <= ATOMIC_BYTES) return op;
  const first = ATOMIC_BYTES - op.position % ATOMIC_BYTES;
  const places = Math.ceil((op.bytes.length - first) / ATOMIC_BYTES);
  const at = first + ATOMIC_BYTES * Math.floor(random() * Math.max(1, places));
  return random() < 0.5
    ? { ...op, bytes: op.bytes.subarray(0, at) }
    : { ...op, position: op.position + at, bytes: op.bytes.subarray(at) };
}

function apply(image: DiskImage, op: DiskOp): void {
  switch (op.type) {
    case "write": {
      const end = op.position + op.bytes.length;
      const bytes = sized(image, op.inode, Math.max(end, image.inodes.get(op.inode)?.length ?? 0));
      bytes.set(op.bytes, op.position);
      return;
    }
    case "size":
      sized(image, op.inode, op.size);
      return;
    case "name":
      image.names.set(op.path, op.inode);
      return;
    case "rename":
      if (image.names.get(op.from) === op.inode) image.names.delete(op.from);
      image.names.set(op.to, op.inode);
      return;
    case "remove":
      for (const name of [...image.names.keys()]) if (isWithin(name, op.path)) image.names.delete(name);
      for (const name of [...image.directories]) if (isWithin(name, op.path)) image.directories.delete(name);
      return;
    case "directory":
      image.directories.add(op.path);
  }
}

/** A file's bytes, of this size from now on. */
function sized(image: DiskImage, inode: number, size: number): Uint8Array {
  const old = image.inodes.get(inode) ?? new Uint8Array(0);
  if (old.length === size) return old;
  const bytes = new Uint8Array(size);
  bytes.set(old.subarray(0, size));
  image.inodes.set(inode, bytes);
  return bytes;
}

function copyOf({ directories, names, inodes }: DiskImage): DiskImage {
  const bytes = [...inodes].map(([inode, bytes]) => [inode, bytes.slice()] as const);
  return { directories: new Set(directories), names: new Map(names), inodes: new Map(bytes) };
}

/** Without what lies in directories that are not there; a file of which nothing survived but its name is empty. */
function reachable(image: DiskImage): DiskImage {
  const isThere = (path: string): boolean =>
    path === ROOT || (image.directories.has(path) && isThere(parentOf(path)));
  const directories = new Set([...image.directories].filter(isThere));
  const names = new Map([...image.names].filter(([path]) => isThere(parentOf(path))));
  for (const inode of names.values()) sized(image, inode, image.inodes.get(inode)?.length ?? 0);
  for (const inode of names.values()) {
    if (!image.inodes.has(inode)) image.inodes.set(inode, new Uint8Array(0));
  }
  return { directories, names, inodes: image.inodes };
}
