/**
 * Slotcask: a read replica for Deno and Bun that follows an armdb leader.
 *
 * @module
 */

export { follow } from "./src/follow.ts";
export { Follower, type Lookup } from "./src/follower.ts";
export type { FollowerEvent, FollowOptions } from "./src/follow_options.ts";
export { lead, openStore, OwnStore, type StoreOptions } from "./src/open_store.ts";
export { Leader, type LeaderEvent, type LeaderOptions } from "./src/replication/leader.ts";
export type { Change, ResyncReason, WatchOptions } from "./src/watch.ts";
export type { ErrorStatus, FollowerStatus, ShardStatus } from "./src/status.ts";
export type { Shape } from "./src/slot_events.ts";
export {
  ClosedError,
  ConnectionError,
  DamagedDirectoryError,
  DivergedError,
  ForeignDirectoryError,
  IncompleteError,
  LeaderError,
  LockedError,
  ProtocolError,
  ProtocolVersionError,
  type Remedy,
  ShapeError,
  SlotcaskError,
  StorageError,
  UsageError,
} from "./src/errors.ts";

if (import.meta.main) {
  const { main } = await import("./src/cli/main.ts");
  await main();
}
