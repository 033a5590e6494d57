/** What the soak's parent and its children must agree on. */

/** Lengths of keys and values. */
export const SOAK_SHAPE = "8x100";

/** What a follower under a soak tells of itself. Counts are since its start. */
export interface SoakerSample {
  phase: string;
  keys: number;
  complete: boolean;
  /** Events received. */
  events: number;
  /** Whole scans that came to their end. */
  scans: number;
  /** Slots that took the leader's state against what was held: the leader never changes. */
  diverged: number;
  /** Slots that are not served. */
  unverified: number;
  /** The longest time that a shard was not live, the one that goes on too. */
  longestNotLiveMs: number;
  reads: number;
  /** Reads that found a value; each is checked. */
  hits: number;
  /** Reads that threw. */
  refused: number;
  /** The first values that the leader never had for their key, in words. */
  bad: string[];
  /** Ended connections by reason. */
  ends: Record<string, number>;
}
