/**
 * Slotcask: a read replica for Deno and Bun that follows an armdb leader.
 *
 * @module
 */

export { follow } from "./src/follow.ts";
export { Follower, type Lookup } from "./src/follower.ts";
export type { Found } from "./src/fixed/store.ts";
export type { FollowerEvent, FollowOptions } from "./src/follow_options.ts";
export type { SyncPolicy } from "./src/replica_target.ts";
export type { StorageKind } from "./src/storage/slot_file.ts";
export type { SessionTimes } from "./src/replication/times.ts";
export type { BackoffOptions } from "./src/replication/backoff.ts";
export type { RescanSettings } from "./src/replication/links.ts";
export type { EndReason } from "./src/replication/session.ts";
export type { Phase } from "./src/replication/phase.ts";
export { lead, openStore, OwnStore, type StoreOptions } from "./src/open_store.ts";
export type { LeaderLimits } from "./src/replication/leader_connection.ts";
export type { Address } from "./src/runtime/runtime.ts";
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
  type SlotcaskErrorOptions,
  StorageError,
  UsageError,
} from "./src/errors.ts";

if (import.meta.main) {
  const { main } = await import("./src/cli/main.ts");
  await main();
}
