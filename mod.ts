/**
 * Slotcask: a read replica for Deno and Bun that follows an armdb leader.
 *
 * ```ts
 * import { follow } from "slotcask";
 *
 * await using follower = await follow("leader:9100", { dir: "./replica" });
 * await follower.caughtUp();
 * follower.get(new TextEncoder().encode("user:042")); // Uint8Array, or undefined if the key is absent
 * ```
 *
 * The other side is `openStore` and `lead`. Run as a program, this is the command line.
 *
 * @module
 */

// To follow a leader.
export { follow } from "./src/replica/follow.ts";
export { Follower, type Lookup } from "./src/replica/follower.ts";
export type { RescanOptions } from "./src/replica/operations.ts";
export type { FollowerEvent, FollowOptions } from "./src/replica/follow_options.ts";
export type { Found } from "./src/fixed/store.ts";
export type { KeyPage, PageEntry, PageOptions } from "./src/fixed/page.ts";
export type { SlotRegion } from "./src/fixed/regions.ts";
export type { Change, ResyncReason, WatchOptions } from "./src/replica/watch.ts";
export type {
  BackupStatus,
  ErrorStatus,
  FollowerStatus,
  ShardStatus,
  VerifyStatus,
} from "./src/replica/status.ts";
export type { HistogramSnapshot } from "./src/histogram.ts";
export type { EndReason } from "./src/replication/effect.ts";
export type { Phase } from "./src/replication/phase.ts";
export type { BackoffOptions } from "./src/replication/backoff.ts";
export type { LinkLimits } from "./src/replication/limits.ts";
export type { RescanSettings } from "./src/replication/links.ts";
export type { SessionTimes } from "./src/replication/times.ts";

// To lead.
export { lead, openStore, OwnStore, type StoreOptions } from "./src/open_store.ts";
export { Leader, type LeaderEvent, type LeaderOptions } from "./src/replication/leader.ts";
export type { LeaderLimits } from "./src/replication/leader_connection.ts";

// Both.
export type { Address } from "./src/runtime/runtime.ts";
export type { Shape } from "./src/slot_events.ts";
export type { StorageKind } from "./src/storage/slot_file.ts";
export type { SyncPolicy } from "./src/replica/replica_target.ts";
export {
  ClosedError,
  ConflictError,
  ConnectionError,
  DamagedDirectoryError,
  DivergedError,
  ForeignDirectoryError,
  IncompleteError,
  LeaderError,
  LockedError,
  PermissionError,
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
