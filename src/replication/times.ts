/** Every interval of a session, in ms: tests use shorter ones. Why each is so: docs/protocol.md. */
export interface SessionTimes {
  /** To make a connection. */
  connectMs: number;
  /** From the SyncRequest to the ShardInfo. */
  greetingMs: number;
  /** Without a frame while live (protocol 2), or while catching up (plus the time to scan free slots). */
  silenceMs: number;
  /** Without a frame while live, against protocol 1. */
  silenceV1Ms: number;
  /** Bytes that a leader scans in a ms, at the least. */
  scanBytesPerMs: number;
  /** How long a link must stay open behind CaughtUp to prove that the scan was whole. */
  settleMs: number;
  /** Without a frame behind CaughtUp, until a link to a v1 leader counts as catch-up-only. */
  catchUpOnlyMs: number;
  /** How long an Ack waits while many events are streamed (protocol 2, with nudges): see stream_pace.ts. */
  gatherMs: number;
  /** Between Heartbeats of ours (protocol 2, without nudges). */
  heartbeatMs: number;
  /** Between Heartbeats of ours against protocol 1, which never reads them while it streams. */
  heartbeatV1Ms: number;
}

/** The product's intervals. */
export const DEFAULT_TIMES: SessionTimes = {
  connectMs: 5000,
  greetingMs: 10_000,
  silenceMs: 15_000,
  silenceV1Ms: 60_000,
  scanBytesPerMs: 50_000,
  settleMs: 250,
  catchUpOnlyMs: 6000,
  gatherMs: 4,
  heartbeatMs: 5000,
  heartbeatV1Ms: 60_000,
};
