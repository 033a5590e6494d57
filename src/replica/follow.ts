import { parseAddress } from "../address.ts";
import { type FollowOptions, resolveFollowOptions } from "./follow_options.ts";
import { Follower } from "./follower.ts";
import { detectRuntime } from "../runtime/mod.ts";
import { requireStorage } from "../storage/open_slot_file.ts";

/**
 * Follows a leader into a directory.
 *
 * An existing directory is opened and served at once, whether the leader can be reached or not. A fresh one needs
 * the leader's shape: it resolves with the first ShardInfo, and rejects with ConnectionError (or LeaderError) where none came
 * within `connectTimeoutMs`.
 *
 * Rejects with LockedError (another process holds the directory), ForeignDirectoryError, DamagedDirectoryError,
 * ShapeError (leader and directory differ), StorageError, UsageError, or the reason of `signal`.
 */
export async function follow(leader: string, options: FollowOptions = {}): Promise<Follower> {
  const address = parseAddress(leader);
  const runtime = detectRuntime();
  const resolved = resolveFollowOptions(options);
  requireStorage(resolved.storage, runtime.files);
  return await Follower.start(runtime, address, resolved);
}
