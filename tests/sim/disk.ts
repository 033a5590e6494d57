/**
 * A disk in memory: what a program sees of its files, and beside it what a power cut would leave.
 *
 * Writes, sizes and names are durable once they were synced; of the others a power cut takes any subset. A sync that
 * fails is as treacherous as on Linux: what it covered is clean from then on, whether the disk has it or not.
 */

import { errorWithCode } from "../../src/error_code.ts";
import type { FileDescriptor, Files } from "../../src/runtime/runtime.ts";
import type { VirtualClock } from "./clock.ts";
import { filesOf } from "./disk_files.ts";
import type { Random } from "./random.ts";

/** What the disk does, in probabilities a call and in ms; faults.ts draws it. */
export interface DiskTemper {
  /** A read fails with EIO. */
  readError: number;
  /** A write, a new name or a new size fails with EIO. */
  writeError: number;
  /** The same with ENOSPC, for as long as the disk is full. */
  isFull: boolean;
  /** A sync fails, and what it covered is anybody's guess. */
  syncError: number;
  /** How long a sync takes at the most. */
  syncMs: number;
}

/** A change of a file's bytes that no sync has covered. */
interface Change {
  position: number;
  /** The bytes; of a change of size none. */
  bytes: Uint8Array | undefined;
  /** The size behind it, where it sets that. */
  size: number | undefined;
}

/** Bytes that grow. */
class Content {
  size = 0;
  #bytes = new Uint8Array(0);

  /** The bytes, as a view. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  apply({ position, bytes, size }: Change): void {
    if (size !== undefined) {
      if (size < this.size) this.#bytes.fill(0, size, this.size);
      this.#setSize(size);
    }
    if (bytes === undefined) return;
    if (position + bytes.length > this.size) this.#setSize(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  /** Takes the bytes of another content, where they lie within both. */
  takeFrom(other: Content, position: number, length: number): void {
    const end = Math.min(position + length, this.size);
    for (let at = position; at < end; at++) this.#bytes[at] = at < other.size ? other.#bytes[at] : 0;
  }

  copy(): Content {
    const copy = new Content();
    copy.apply({ position: 0, bytes: this.bytes, size: undefined });
    return copy;
  }

  #setSize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, Math.min(2 * this.#bytes.length, size + (1 << 16))));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.size = size;
  }
}

/** A file, whatever it is called. */
class Inode {
  /** What programs see. */
  content = new Content();
  /** What a power cut leaves at the least. */
  durable = new Content();
  changes: Change[] = [];
  /** Changes that a failed sync gave up, and that are seen until the system reads the file anew. */
  seen: Change[] = [];

  /** The system reads the file anew: what it gave up is gone, what it still has to write is not. */
  readAnew(): void {
    if (this.seen.length === 0) return;
    for (const { position, bytes } of this.seen) this.content.takeFrom(this.durable, position, bytes!.length);
    for (const change of this.changes) this.content.apply(change);
    this.seen = [];
  }
}

/** A change of a directory that no sync has covered. */
interface NameChange {
  folder: string;
  apply(names: Map<string, Inode | undefined>): void;
}

/** What no error comes from. */
const GOOD_TEMPER: DiskTemper = { readError: 0, writeError: 0, isFull: false, syncError: 0, syncMs: 0 };

/** A torn write keeps the pages that it wrote, or the sectors, or only words. */
const TEARS = [4096, 512, 8];

/** See the head of this file. */
export class SimDisk {
  /** Calls that failed. */
  failures = 0;
  /** The next so many writes are made, and those behind them never happen: the process dies there. */
  writesLeft = Infinity;
  /** Is told when `writesLeft` has run out. */
  onLastWrite: () => void = () => {};
  /** Names of files (with an inode) and of directories (without). */
  #names = new Map<string, Inode | undefined>();
  #durableNames = new Map<string, Inode | undefined>();
  #nameChanges: NameChange[] = [];
  readonly #open = new Map<FileDescriptor, Inode>();
  readonly #locked = new Set<string>();
  #next = 3;
  #generation = 0;
  #temper: DiskTemper;

  /** What it does when nothing is wrong. */
  readonly calm: Readonly<DiskTemper>;

  /** A disk that does what `temper` says at each moment. */
  constructor(readonly clock: VirtualClock, readonly random: Random, temper: DiskTemper) {
    this.#temper = temper;
    this.calm = { ...temper };
  }

  /** Makes a directory that is there for good. */
  makeRoot(path: string): void {
    this.#names.set(path, undefined);
    this.#durableNames.set(path, undefined);
  }

  /** Whether the process has died in the middle of what it does, and only does not know it yet. */
  get isDead(): boolean {
    return this.writesLeft <= 0;
  }

  /** The files of one process; after {@link killProcess} the next one needs its own. */
  files(): Files {
    const generation = this.#generation;
    const isDead = () => generation !== this.#generation || this.isDead;
    return filesOf(this, isDead) as Files;
  }

  /** Empties a directory that {@link makeRoot} made, for good. */
  wipe(path: string): void {
    this.#nameChanges = [];
    for (const names of [this.#names, this.#durableNames]) {
      names.clear();
      names.set(path, undefined);
    }
  }

  /** Does something to which no error happens: a look from outside. */
  quietly(look: () => void): void {
    const { temper } = this;
    this.#temper = GOOD_TEMPER;
    try {
      look();
    } finally {
      this.#temper = temper;
    }
  }

  /** What the disk does at this moment. */
  get temper(): DiskTemper {
    return this.#temper;
  }

  /** The process is gone: its files are closed, its locks free. */
  killProcess(): void {
    this.#generation++;
    // A process that comes later cannot know of what was given up: it finds it gone.
    for (const inode of this.#names.values()) inode?.readAnew();
    this.#open.clear();
    this.#locked.clear();
    this.writesLeft = Infinity;
  }

  /** The power is gone: any subset of what was not synced is lost. */
  cutPower(): void {
    this.killProcess();
    for (const inode of new Set([...this.#durableNames.values(), ...this.#names.values()])) {
      if (inode !== undefined) this.#crash(inode);
    }
    for (const change of this.#nameChanges) if (this.random.chance(0.5)) change.apply(this.#durableNames);
    this.#nameChanges = [];
    // What lies in a directory that was lost is lost with it.
    for (const path of [...this.#durableNames.keys()]) {
      const folder = folderOf(path);
      if (folder.includes("/") && !this.#durableNames.has(folder)) this.#durableNames.delete(path);
    }
    this.#names = new Map(this.#durableNames);
  }

  #crash(inode: Inode): void {
    for (const change of inode.changes) this.#keepPartOf(inode.durable, change);
    inode.changes = [];
    inode.seen = [];
    inode.content = inode.durable.copy();
  }

  #keepPartOf(durable: Content, change: Change): void {
    if (change.bytes === undefined) {
      if (this.random.chance(0.5)) durable.apply(change);
      return;
    }
    const tear = this.random.pick(TEARS);
    const keep = this.random.pick([0, 0.5, 1]);
    const end = change.position + change.bytes.length;
    for (let at = change.position; at < end;) {
      const next = Math.min(end, (Math.floor(at / tear) + 1) * tear);
      const bytes = change.bytes.subarray(at - change.position, next - change.position);
      if (this.random.chance(keep)) durable.apply({ position: at, bytes, size: undefined });
      at = next;
    }
  }

  // What follows is for disk_files.ts.

  /** Fails as the disk's mood has it. */
  mayFail(kind: "read" | "write"): void {
    if (kind === "write" && this.temper.isFull) this.#fail("ENOSPC");
    const odds = kind === "read" ? this.temper.readError : this.temper.writeError;
    if (odds > 0 && this.random.chance(odds)) this.#fail("EIO");
  }

  #fail(code: string): never {
    this.failures++;
    throw errorWithCode(code === "EIO" ? "input/output error" : "no space left on device", code);
  }

  /** Counts a change; the last one that is made may be the end of the process. */
  countWrite(): void {
    if (--this.writesLeft === 0) this.onLastWrite();
  }

  openInode(path: string, mode: "read" | "write" | "create"): FileDescriptor {
    let inode = this.#names.get(path);
    if (inode === undefined) {
      if (mode !== "create") throw errorWithCode(`no such file: ${path}`, "ENOENT");
      const made = inode = new Inode();
      this.changeName(path, (names) => void names.set(path, made));
    }
    this.#open.set(this.#next, inode);
    return this.#next++;
  }

  close(file: FileDescriptor): void {
    this.#open.delete(file);
  }

  inode(file: FileDescriptor): Inode {
    const inode = this.#open.get(file);
    if (inode === undefined) throw errorWithCode(`bad file descriptor ${file}`, "EBADF");
    return inode;
  }

  named(path: string): Inode | undefined {
    return this.#names.get(path);
  }

  hasName(path: string): boolean {
    return this.#names.has(path);
  }

  names(): Iterable<string> {
    return this.#names.keys();
  }

  changeName(path: string, apply: NameChange["apply"]): void {
    apply(this.#names);
    this.#nameChanges.push({ folder: folderOf(path), apply });
  }

  syncNames(folder: string): void {
    this.#nameChanges = this.#nameChanges.filter((change) => {
      if (change.folder === folder) change.apply(this.#durableNames);
      return change.folder !== folder;
    });
  }

  change(inode: Inode, change: Change): void {
    inode.content.apply(change);
    inode.changes.push(change);
  }

  /** Makes the first `count` changes durable, or does to them what a failed sync may do. */
  syncInode(inode: Inode, count: number): void {
    const covered = inode.changes.splice(0, count);
    if (this.temper.syncError === 0 || !this.random.chance(this.temper.syncError)) {
      for (const change of covered) inode.durable.apply(change);
      return;
    }
    // Sizes are in the journal of the file system: they are late, but not lost.
    inode.changes.unshift(...covered.filter((change) => change.bytes === undefined));
    for (const change of covered) this.#lose(inode, change);
    this.#fail("EIO");
  }

  /** It was written all the same, or it is seen until the system reads the file anew, or no more from now on. */
  #lose(inode: Inode, change: Change): void {
    if (change.bytes === undefined) return;
    const fate = this.random.pick(["written", "seen", "gone"]);
    if (fate === "written") inode.durable.apply(change);
    if (fate === "seen") inode.seen.push(change);
    if (fate !== "gone") return;
    inode.content.takeFrom(inode.durable, change.position, change.bytes.length);
  }

  lock(path: string): boolean {
    if (this.#locked.has(path)) return false;
    this.#locked.add(path);
    return true;
  }

  unlock(path: string): void {
    this.#locked.delete(path);
  }

  isLocked(path: string): boolean {
    return this.#locked.has(path);
  }
}

/** The directory that a path lies in. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
