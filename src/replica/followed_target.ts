import type { Directory } from "../directory/directory.ts";
import type { SyncTimer } from "../directory/sync_timer.ts";
import type { BackupOptions } from "./backup.ts";
import type { ScrubOptions } from "./scrub.ts";

/** A directory, as a follower reads it. */
export type FollowedDirectory = Pick<Directory, "store" | "shape" | "completeness">;

/** How a shard's data gets to the disk, as status shows it. */
export type SyncView = Pick<SyncTimer, "syncedAtMs" | "lastError" | "durations">;

/** The store of a replica as its follower sees it: kept by this thread (ReplicaTarget) or by others (ThreadedTarget). */
export interface FollowedTarget {
  /** The directory; undefined before the shape is known. */
  readonly directory: FollowedDirectory | undefined;
  /** The longest synchronous step of other threads, in ms. */
  readonly longestSliceMs: number;
  /** How a shard's data gets to the disk; undefined before the shape is known. */
  syncOf(shard: number): SyncView | undefined;
  /** Checks the CRC of every slot that is served: see `scrubStore`. */
  verify(options: ScrubOptions): Promise<void>;
  /** Copies the directory, as it is at one moment, to a new folder in `parent`: see `backupDirectory`. */
  backUp(parent: string, options: BackupOptions): Promise<void>;
  /** Closes the directory: see ReplicaTarget. Answers the shards that stay dirty. */
  close(limitMs: number, others?: Promise<void>): Promise<number[]>;
}
