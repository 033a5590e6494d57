import { parseAddress } from "./address.ts";
import { Directory, lockForWriting } from "./directory/directory.ts";
import { SyncTimer } from "./directory/sync_timer.ts";
import { ClosedError, ForeignDirectoryError, UsageError } from "./errors.ts";
import { FileName, requireSameShape } from "./fixed/layout.ts";
import { shardOfKey } from "./fixed/routing.ts";
import type { Shard } from "./fixed/shard.ts";
import type { Store } from "./fixed/store.ts";
import { deleteKey, freeHidden, putSlot, SlotAllocator, slotForPut } from "./fixed/write.ts";
import { OwnSource } from "./own_source.ts";
import type { SyncPolicy } from "./replica/replica_target.ts";
import { Leader, type LeaderOptions } from "./replication/leader.ts";
import type { ReplicationSource } from "./replication/source.ts";
import { detectRuntime } from "./runtime/mod.ts";
import type { Files } from "./runtime/runtime.ts";
import type { Shape } from "./slot_events.ts";
import type { DirectoryLock } from "./storage/dir_lock.ts";
import { requireStorage } from "./storage/open_slot_file.ts";
import type { StorageKind } from "./storage/slot_file.ts";
import { wrapStorageError } from "./storage/storage_error.ts";

/** Options of `openStore`. */
export interface StoreOptions {
  /** `resident` (default): all slots in memory. `positional`: none. `mapped`: those that the system keeps there. */
  storage?: StorageKind;
  /** When writes are made durable: every so many ms (default 50), or `none`. `flush()` does it at once. */
  sync?: Exclude<SyncPolicy, "batch">;
}

/** A clean close takes no longer than this. */
const CLOSE_LIMIT_MS = 10_000;
/** A file grows ahead of need once fewer of its slots are free than one in so many. */
const FREE_SHARE = 16;

/** What a store is to a leader: known to `lead` alone. */
let sourceOf: (store: OwnStore) => ReplicationSource;

/** A store of one's own: an armdb fixed directory that this process writes, and may `lead` from. Made by `openStore`. */
export class OwnStore implements AsyncDisposable {
  static {
    sourceOf = (store) => store.#source;
  }
  /** The directory. */
  readonly dir: string;
  readonly #directory: Directory;
  readonly #lock: DirectoryLock;
  readonly #allocators: SlotAllocator[];
  readonly #syncs: SyncTimer[];
  readonly #source: OwnSource;
  readonly #record: Uint8Array;
  /** Shards that hold keys of others: none but those that were found so at open. */
  readonly #misrouted: Shard[];
  /** The slot counts from which shards last grew ahead. */
  readonly #grownFrom: number[] = [];
  #closing: Promise<number[]> | undefined;

  /** Use `openStore`. */
  constructor(directory: Directory, lock: DirectoryLock, sync: number | "none") {
    const { store, shape, path } = directory;
    this.dir = path;
    this.#directory = directory;
    this.#lock = lock;
    this.#allocators = store.shards.map((shard) => new SlotAllocator(shard));
    this.#syncs = store.shards.map((shard) => new SyncTimer(shard.file, sync === "none" ? undefined : sync));
    this.#source = new OwnSource(directory);
    this.#record = new Uint8Array(shape.keyLength + shape.valueLength);
    this.#misrouted = store.shards.filter((shard) => shard.misrouted);
  }

  /** The shape. */
  get shape(): Shape {
    return this.#directory.shape;
  }

  /** Number of keys; one that two shards hold counts twice. */
  get size(): number {
    return this.#store("count keys").size;
  }

  /** A copy of a key's value, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store("get").get(key, { partial: true });
  }

  /** Whether a key is there. */
  has(key: Uint8Array): boolean {
    return this.#store("look up a key").has(key, { partial: true });
  }

  /** Copies of all keys and values. */
  entries(): IterableIterator<[key: Uint8Array, value: Uint8Array]> {
    return this.#store("read entries").entries();
  }

  /** Writes a key's value: in memory and in the file when it returns. Throws UsageError, StorageError. */
  put(key: Uint8Array, value: Uint8Array): void {
    const shard = this.#shardFor(key, "put");
    const { valueLength, keyLength } = this.shape;
    if (value.length !== valueLength) {
      throw new UsageError(
        `Cannot put this value: it has ${value.length} bytes, values here have ${valueLength}`,
      );
    }
    const allocator = this.#allocators[shard.id];
    const slot = slotForPut(shard, allocator, key);
    if (slot === shard.slotCount) this.#directory.growNow(shard.id, slot + 1);
    this.#record.set(key);
    this.#record.set(value, keyLength);
    putSlot(shard, slot, this.#record);
    this.#changed(shard, ...freeHidden(shard, allocator, { slot, key }), slot);
    this.#deleteElsewhere(shard, key);
    this.#growAhead(shard);
  }

  /** Deletes a key; says whether it was there. Throws UsageError, StorageError. */
  delete(key: Uint8Array): boolean {
    const shard = this.#shardFor(key, "delete");
    // The key's own shard is asked first by reads, and so goes last: no older value ever comes to light.
    const wasElsewhere = this.#deleteElsewhere(shard, key);
    return this.#deleteIn(shard, key) || wasElsewhere;
  }

  /** Makes all writes so far durable. Rejects with StorageError. */
  async flush(): Promise<void> {
    await Promise.all(this.#syncs.map((sync) => sync.now()));
  }

  /** Closes the directory cleanly. Answers the shards that could not be; the second call answers the same. */
  close(): Promise<number[]> {
    return this.#closing ??= this.#close();
  }

  /** See {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #deleteIn(shard: Shard, key: Uint8Array): boolean {
    const slots = deleteKey(shard, this.#allocators[shard.id], key);
    if (slots.length > 0) this.#changed(shard, ...slots);
    return slots.length > 0;
  }

  /** Deletes a key from the shards that hold it although it routes to another. */
  #deleteElsewhere(home: Shard, key: Uint8Array): boolean {
    let wasThere = false;
    for (const shard of this.#misrouted) {
      if (shard !== home && this.#deleteIn(shard, key)) wasThere = true;
    }
    return wasThere;
  }

  /**
   * Grows a file that is nearly full while puts go on, so that none of them waits for the disk: `growNow` blocks
   * all else for an fdatasync, and is left to the first put and to a burst that fills the last slots before this
   * is done. What fails here fails again there, with an error that the put throws. A close waits for it.
   */
  #growAhead({ id, slotCount, occupied }: Shard): void {
    if (FREE_SHARE * (slotCount - occupied) >= slotCount || this.#grownFrom[id] === slotCount) return;
    this.#grownFrom[id] = slotCount;
    this.#directory.grow(id, slotCount + 1).catch(() => {});
  }

  #changed(shard: Shard, ...slots: number[]): void {
    for (const slot of slots) this.#source.changed(shard.id, slot);
    try {
      shard.file.flush();
    } catch (error) {
      throw wrapStorageError(error, "write", this.#directory.shardPath(shard.id, FileName.data));
    }
    this.#syncs[shard.id].wrote();
  }

  #shardFor(key: Uint8Array, what: string): Shard {
    const { keyLength } = this.shape;
    const { shards } = this.#store(what);
    if (key.length === keyLength) return shards[shardOfKey(key, 0, this.shape)];
    throw new UsageError(`Cannot ${what} this key: it has ${key.length} bytes, keys here have ${keyLength}`);
  }

  #store(what: string): Store {
    if (this.#closing !== undefined) throw new ClosedError(`Cannot ${what}: the store is closed`);
    return this.#directory.store;
  }

  async #close(): Promise<number[]> {
    for (const sync of this.#syncs) sync.stop();
    const dirty = await this.#directory.close(CLOSE_LIMIT_MS);
    this.#lock.release();
    return dirty;
  }
}

/**
 * Opens an armdb fixed directory for writing, or creates it where a shape is given.
 *
 * Rejects with LockedError, ShapeError (it exists, with another shape), ForeignDirectoryError (there is nothing, and
 * no shape was given), DamagedDirectoryError, StorageError, UsageError (mapped, where this process may not map files).
 */
export async function openStore(dir: string, shape?: Shape, options: StoreOptions = {}): Promise<OwnStore> {
  const { files, process } = detectRuntime();
  const { storage = "resident", sync = 50 } = options;
  requireStorage(storage, files);
  if (shape === undefined && !files.exists(dir)) throw nothingThere(dir);
  const lock = lockForWriting(files, dir, process.pid);
  try {
    const directory = await openOrCreate(files, dir, shape, { storage, pid: process.pid });
    await requireShape(directory, shape);
    return new OwnStore(directory, lock, sync);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Closes the directory again, as clean as it was, where it is of another shape. */
async function requireShape(directory: Directory, shape: Shape | undefined): Promise<void> {
  if (shape === undefined) return;
  try {
    requireSameShape(directory.shape, shape, { ours: directory.path, theirs: "the call" });
  } catch (error) {
    await directory.close(CLOSE_LIMIT_MS);
    throw error;
  }
}

async function openOrCreate(
  files: Files,
  dir: string,
  shape: Shape | undefined,
  options: { storage: StorageKind; pid: number },
): Promise<Directory> {
  const existing = await Directory.open(files, dir, options);
  if (existing !== undefined) return existing;
  if (shape === undefined) throw nothingThere(dir);
  return await Directory.create(files, dir, shape, options);
}

function nothingThere(dir: string): ForeignDirectoryError {
  return new ForeignDirectoryError(
    `Cannot open ${dir}: there is no armdb fixed store in it, and no shape to create one`,
  );
}

/**
 * Serves a store to followers, this product's and armdb's own, over protocols 1 and 2. Changes stream as they are made.
 *
 * `listen` is `host:port`; port 0 takes a free one, which `address` of the answer tells. Rejects with UsageError, or with
 * the runtime's error (code EADDRINUSE where the port is taken).
 */
export async function lead(store: OwnStore, listen: string, options: LeaderOptions = {}): Promise<Leader> {
  const address = parseAddress(listen, { anyPort: true });
  return await Leader.listen(detectRuntime().network, address, sourceOf(store), options);
}
