/** Finds one key in a directory that nobody has opened, without loading it. */

import { SLOT_HEADER_BYTES, slotCrc } from "../fixed/layout.ts";
import { OCCUPIED, statusOf, versionOf } from "../fixed/meta.ts";
import { shardOfKey } from "../fixed/routing.ts";
import { equalBytes, readWord } from "../fixed/shard.ts";
import type { Files } from "../runtime/runtime.ts";
import type { Shape } from "../slot_events.ts";
import { isLocked } from "../storage/dir_lock.ts";
import type { SlotFile } from "../storage/slot_file.ts";
import { wrapStorageError } from "../storage/storage_error.ts";
import { TimeSlice } from "../time_slice.ts";
import { COMPLETENESS_FILE, readCompleteness } from "./completeness.ts";
import { openSlots, readSidecar, type ShardFile, type Survey } from "./survey.ts";

/** A key's place and value. */
export interface FoundKey {
  /** The shard that holds it. */
  shard: number;
  /** The slot. */
  slot: number;
  /** The slot's version. */
  version: number;
  /** A copy of the value. */
  value: Uint8Array;
}

/** A key that was not found. */
export interface MissedKey {
  /** Why its absence is not proven, in words; undefined where it is. */
  unproven: string | undefined;
}

/** Slots between two looks at the clock. */
const STEP_SLOTS = 1024;
/** In a directory in use a key may move past the search: so often it is searched in all. */
const LIVE_SEARCHES = 3;

/**
 * Searches a surveyed directory, whose shape must be known, for a key of its length. Rejects with StorageError.
 *
 * Of slots with equal keys the last one is found, as by a store that has opened the directory: the search begins
 * at the end. The shard that the key routes to comes first, then the others.
 */
export async function findKey(
  files: Files,
  survey: Survey & { shape: Shape },
  key: Uint8Array,
): Promise<FoundKey | MissedKey> {
  const search = new Search(files, survey, key);
  for (let searches = 1;; searches++) {
    const found = await search.run();
    if (found !== undefined) return found;
    if (searches === LIVE_SEARCHES || !isLocked(files, survey.path)) break;
  }
  return { unproven: search.distrust ?? incompleteness(files, survey, search.home) };
}

/** One search over all shards. */
class Search {
  /** The shard that the key routes to. */
  readonly home: number;
  /** Why the shards do not prove that a key is absent, if so. */
  distrust: string | undefined;
  readonly #files: Files;
  readonly #survey: Survey & { shape: Shape };
  readonly #key: Uint8Array;
  readonly #slice = new TimeSlice();

  constructor(files: Files, survey: Survey & { shape: Shape }, key: Uint8Array) {
    this.#files = files;
    this.#survey = survey;
    this.#key = key;
    this.home = shardOfKey(key, 0, survey.shape);
  }

  async run(): Promise<FoundKey | undefined> {
    this.distrust = undefined;
    this.#slice.begin();
    const { shards } = this.#survey;
    for (const shard of [shards[this.home], ...shards.filter(({ shard }) => shard !== this.home)]) {
      const found = await this.#searchShard(shard);
      if (found !== undefined) return found;
    }
  }

  async #searchShard(shard: ShardFile): Promise<FoundKey | undefined> {
    if (shard.problems.length > 0) this.distrust ??= shard.problems[0].text;
    if (shard.header === undefined) return undefined;
    try {
      const file = openSlots(this.#files, shard);
      try {
        return await this.#searchFile(shard, file);
      } finally {
        file.close();
      }
    } catch (error) {
      throw wrapStorageError(error, "read", shard.path);
    }
  }

  async #searchFile({ shard, ...rest }: ShardFile, file: SlotFile): Promise<FoundKey | undefined> {
    const sidecar = readSidecar(this.#files, { shard, ...rest }).bytes;
    const step = Math.min(STEP_SLOTS, file.loadLimit);
    for (let end = file.recordCount; end > 0; end -= step) {
      const first = Math.max(0, end - step);
      file.load(first, end - first);
      for (let slot = end - 1; slot >= first; slot--) {
        const found = this.#look(file, slot, sidecar);
        if (found !== undefined) return { shard, ...found };
      }
      if (this.#slice.isOver) await this.#slice.yield();
    }
  }

  #look(file: SlotFile, slot: number, sidecar: Uint8Array | undefined): Omit<FoundKey, "shard"> | undefined {
    const { keyLength, valueLength } = this.#survey.shape;
    const offset = file.at(slot);
    const { window, view } = file;
    const own = view.getUint32(offset, true);
    const meta = sidecar === undefined ? own : readWord(sidecar, slot * 4);
    if (statusOf(meta) !== OCCUPIED && statusOf(meta) !== 3) return undefined;
    const keyAt = offset + SLOT_HEADER_BYTES;
    const crc = slotCrc(view, offset, keyLength + valueLength);
    if (own !== meta || statusOf(meta) === 3 || view.getInt32(offset + 4, true) !== crc) {
      this.distrust ??= "a slot may hold it whose CRC does not match: see verify";
      return undefined;
    }
    if (!equalBytes(window, keyAt, this.#key, 0, keyLength)) return undefined;
    const value = window.slice(keyAt + keyLength, keyAt + keyLength + valueLength);
    return { slot, version: versionOf(meta), value };
  }
}

/** A replica's own word on the shard that the key routes to. */
function incompleteness(files: Files, { path, shards }: Survey, home: number): string | undefined {
  const statePath = `${path}/${COMPLETENESS_FILE}`;
  if (!files.exists(statePath)) return undefined;
  const { wholeScanAtMs, scanningSinceMs } = readCompleteness(files, statePath, shards.length).shards[home];
  if (wholeScanAtMs === null) return `shard ${home} has not finished a whole scan`;
  return scanningSinceMs === null ? undefined : `a whole scan of shard ${home} was cut off, or goes on`;
}
