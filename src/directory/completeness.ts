/**
 * `DIR/slotcask.json`: how far each shard of the directory can be trusted. armdb ignores it.
 *
 * A shard is complete when a whole scan of it has finished, and no later one was cut off by the end of the
 * process: in the middle of a scan the files are a mix of two moments.
 */

import { StorageError } from "../errors.ts";
import type { Files } from "../runtime/runtime.ts";
import { readWhole, writeFileAtomic, writeFileAtomicAsync } from "../storage/atomic_file.ts";

/** Name of the file. */
export const COMPLETENESS_FILE = "slotcask.json";
const FORMAT = 1;

/** What is known of one shard. */
export interface ShardCompleteness {
  /** When the last whole scan ended (Unix ms), or null if none ever did. */
  wholeScanAtMs: number | null;
  /** When the whole scan began that is going on (Unix ms), or null. */
  scanningSinceMs: number | null;
}

/** The content of the file. */
export interface CompletenessState {
  /** The leader that was followed last, as host:port; null if none was. */
  leader: string | null;
  /** The protocol version that it spoke. */
  protocol: number | null;
  /** One entry a shard. */
  shards: ShardCompleteness[];
}

/** Reads and writes the file, and keeps its content. */
export class Completeness {
  readonly #files: Files;
  readonly #path: string;
  readonly #trustedAtOpen: boolean[];
  #state: CompletenessState;
  #isClosed = false;

  /** The file at `path` with the given content, which counts as what the last process left. */
  constructor(files: Files, path: string, state: CompletenessState) {
    this.#files = files;
    this.#path = path;
    this.#state = state;
    this.#trustedAtOpen = state.shards.map((shard) => shard.scanningSinceMs === null);
  }

  /** What is known now. */
  get state(): Readonly<CompletenessState> {
    return this.#state;
  }

  /** Whether the shard has seen a whole scan. Says nothing of slots that cannot be trusted. */
  isComplete(shard: number): boolean {
    return this.#trustedAtOpen[shard] && this.#state.shards[shard].wholeScanAtMs !== null;
  }

  /** Notes whom the directory follows. Written with the next change. */
  setLeader(leader: string, protocol: number): void {
    this.#state.leader = leader;
    this.#state.protocol = protocol;
  }

  /**
   * Forgets what was known of shards whose data files are about to be made afresh: durable, where it is to be
   * written, when it returns. Throws StorageError.
   */
  forget(shards: readonly number[], { inMemory = false }: { inMemory?: boolean } = {}): void {
    const known = shards.filter((shard) => !isNothing(this.#state.shards[shard]));
    if (known.length === 0) return;
    for (const shard of known) {
      this.#state.shards[shard] = nothing();
      this.#trustedAtOpen[shard] = true;
    }
    if (!inMemory) writeFileAtomic(this.#files, this.#path, encodeCompleteness(this.#state));
  }

  /**
   * Notes that a whole scan begins; the mark is durable when it resolves, whoever set it. Rejects with StorageError,
   * and then the next scan sets it again.
   */
  async scanBegins(shard: number, nowMs: number): Promise<void> {
    if (!this.isComplete(shard)) return;
    const before = this.#state.shards[shard];
    if (before.scanningSinceMs !== null) return await this.#marks.get(shard);
    const marked = { ...before, scanningSinceMs: nowMs };
    this.#state.shards[shard] = marked;
    const mark = this.#write().catch((error) => {
      if (this.#state.shards[shard] === marked) this.#state.shards[shard] = before;
      throw error;
    });
    this.#marks.set(shard, mark);
    await mark;
  }

  /** Whether the shard is marked as being scanned. */
  isMarked(shard: number): boolean {
    return this.#state.shards[shard].scanningSinceMs !== null;
  }

  /** Notes that a scan was cut before it changed anything; written without waiting. */
  scanChangedNothing(shard: number): void {
    if (!this.isMarked(shard) || !this.#trustedAtOpen[shard]) return;
    this.#state.shards[shard] = { ...this.#state.shards[shard], scanningSinceMs: null };
    // A failure leaves the file as careful as it was.
    this.#write().catch(() => {});
  }

  /** Notes that a whole scan ended; durable when it resolves. Rejects with StorageError. */
  async scanEnded(shard: number, nowMs: number): Promise<void> {
    this.#state.shards[shard] = { wholeScanAtMs: nowMs, scanningSinceMs: null };
    this.#trustedAtOpen[shard] = true;
    await this.#write();
  }

  /** From now on the file stays as it is, although a disk that hung may finish a write. */
  close(): void {
    this.#isClosed = true;
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  /** One write at a time, since two would share the temporary file; changes during one travel with the next. */
  #write(): Promise<void> {
    return this.#queued ??= this.#writing = this.#writing.catch(() => {}).then(() => {
      this.#queued = undefined;
      const bytes = encodeCompleteness(this.#state);
      return writeFileAtomicAsync(this.#files, this.#path, bytes, () => this.#requireOpen());
    });
  }

  /** Somebody else may have the directory once it is closed. */
  #requireOpen(): void {
    if (this.#isClosed) throw new StorageError(`Cannot replace ${this.#path}: its directory is closed`);
  }

  /** The write of each shard's mark. */
  readonly #marks = new Map<number, Promise<void>>();
  #writing: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;
}

/** The file's content. */
export function encodeCompleteness(state: CompletenessState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...state }, null, 2) + "\n");
}

/** Reads the file; anything but a well-formed one for so many shards counts as absent. Throws StorageError. */
export function readCompleteness(files: Files, path: string, shardCount: number): CompletenessState {
  const bytes = readWhole(files, path);
  const parsed = bytes === undefined ? undefined : parseState(new TextDecoder().decode(bytes));
  return parsed !== undefined && parsed.shards.length === shardCount ? parsed : {
    leader: null,
    protocol: null,
    shards: Array.from({ length: shardCount }, nothing),
  };
}

/** What is known of a shard that was never scanned. */
function nothing(): ShardCompleteness {
  return { wholeScanAtMs: null, scanningSinceMs: null };
}

function isNothing({ wholeScanAtMs, scanningSinceMs }: ShardCompleteness): boolean {
  return wholeScanAtMs === null && scanningSinceMs === null;
}

function parseState(text: string): CompletenessState | undefined {
  try {
    const value = JSON.parse(text);
    if (value.format !== FORMAT || !Array.isArray(value.shards)) return undefined;
    return {
      leader: typeof value.leader === "string" ? value.leader : null,
      protocol: typeof value.protocol === "number" ? value.protocol : null,
      shards: value.shards.map((shard: Record<string, unknown>) => ({
        wholeScanAtMs: typeof shard?.wholeScanAtMs === "number" ? shard.wholeScanAtMs : null,
        scanningSinceMs: typeof shard?.scanningSinceMs === "number" ? shard.scanningSinceMs : null,
      })),
    };
  } catch {
    return undefined;
  }
}
