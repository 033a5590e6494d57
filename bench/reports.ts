/** What the children say, as JSON. Times in ms. */
import type { ProcessMemory } from "./process_memory.ts";

/** Of children/catch_up.ts. */
export interface CatchUpReport extends ProcessMemory {
  /** From the begin of the first connection until every slot was in place and readable. */
  inPlaceMs: number;
  /** From the first shard's ShardInfo, with the store ready for it, until every slot was in place. */
  scanMs: number;
  /** From the begin of the first connection until `caughtUp()` resolved: with the wait for a cut scan. */
  caughtUpMs: number;
  /** Events that changed something. */
  applied: number;
  /** `longestSliceMs` of the status: since the process began, with the opening of the directory. */
  longestSliceMs: number;
  /** How late a timer of 1 ms was, 99 times of 100, until every slot was in place. */
  delayP99Ms: number;
  /** Processor time until `caughtUp()`. */
  cpuMs: number;
}

/** Of children/ack_only.ts. */
export interface AckOnlyReport extends ProcessMemory {
  /** From the begin of the first connection until the last CaughtUp. */
  inPlaceMs: number;
  /** From the first ShardInfo until the last CaughtUp. */
  scanMs: number;
  /** Events that the leader says it has sent. */
  scanned: number;
  /** Processor time. */
  cpuMs: number;
}
