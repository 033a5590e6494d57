import type { Shape, SlotEvents } from "../slot_events.ts";

/** Which rules events are applied by: a whole scan judges the leader, a side scan and a stream go by versions. */
export type EventSource = "scan" | "side" | "stream";

/** What a finished whole scan left to do. */
export interface ScanResult {
  /** Slots held here that this scan did not see: a second scan must confirm their absence. */
  unconfirmed: number;
  /** Slots that cannot be trusted: they went bad behind the scan, which is to bring them again. */
  unverified: number;
}

/** Where replication writes to: the shards of a store, and nothing of how they are kept. */
export interface ReplicationTarget {
  /** Whether no slot of the shard was ever written. True while there is no store yet. */
  isEmpty(shard: number): boolean;
  /** Slots of the shard. */
  slotCount(shard: number): number;
  /** Events applied to the shard so far, over all processes. */
  appliedTotal(shard: number): number;
  /** The newest version that was applied to the shard. */
  maxVersion(shard: number): number;
  /**
   * Takes the leader's shape and makes room for its slots; no event of the scan is applied before it resolves.
   * Rejects with ShapeError where the shape differs, with StorageError where the disk refuses.
   */
  beginScan(shard: number, source: "scan" | "side", leader: Shape & { slotCount: number }): Promise<void>;
  /** Makes room for slots. Rejects with StorageError. */
  grow(shard: number, slotCount: number): Promise<void>;
  /**
   * Applies a batch, whose slots have room, in memory. Returns how many events changed something. The events must
   * stay as they are until `flush` or `flushLater`, which comes after the Ack, where that need not wait for the disk.
   * Throws DivergedError where the leader contradicts the copy too much.
   */
  apply(shard: number, events: SlotEvents, source: EventSource): number;
  /** Writes what was applied to the file. Throws StorageError; nothing is lost, the next flush writes it. */
  flush(shard: number): void;
  /**
   * The same for a batch of a whole scan, which may wait in memory for those behind it: a byte costs less in a large write.
   * `flush`, `sync`, `endScan` and `abortScan` write what waits.
   */
  flushLater(shard: number): void;
  /** Makes durable what was flushed. Rejects with StorageError. */
  sync(shard: number): Promise<void>;
  /**
   * Takes a scan that came to its end: a whole one is judged and recorded, a side scan may confirm what the last
   * whole one did not see. Rejects with DivergedError or StorageError.
   */
  endScan(shard: number, source: "scan" | "side"): Promise<ScanResult>;
  /** Forgets a whole scan that was cut. */
  abortScan(shard: number): void;
}
