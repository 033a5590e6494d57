/** Where a shard stands, in the words that logs, status and metrics print. */
export type Phase =
  | "connecting"
  | "greeting"
  | "catching-up"
  | "live"
  | "catch-up-only"
  | "backing-off"
  | "paused"
  | "diverged"
  | "stopped";
