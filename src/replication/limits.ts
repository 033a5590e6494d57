/** How much the links take on: tests use less. Why each is so: docs/protocol.md. */
export interface LinkLimits {
  /** Bytes that may wait for a store that is busy, per shard. */
  readAheadBytes: number;
  /** Events that may, per shard. */
  readAheadEvents: number;
  /** Shards that catch up at once, against protocol 2. */
  scansAtOnce: number;
  /** Connections in a row that may end by "events dropped", or for a rescan, and be followed by the next at once. */
  quickReturns: number;
  /** Connections to a leader of protocol 1, over which the follower stops. */
  v1Connections: number;
}

/** The product's figures. */
export const DEFAULT_LIMITS: LinkLimits = {
  readAheadBytes: 16 << 20,
  readAheadEvents: 8192,
  scansAtOnce: 4,
  quickReturns: 8,
  v1Connections: 10_000,
};
