import type { Shape } from "../slot_events.ts";
import type { BatchEncoder } from "./protocol.ts";

/** Where a leader reads from: the slots of a store, as they are now. */
export interface ReplicationSource {
  /** The shape that followers must have. */
  readonly shape: Shape;
  /** Slots of a shard. */
  slotCount(shard: number): number;
  /**
   * Adds the present state of a slot to a batch; nothing where the slot was never written. `resets` says whether
   * the follower knows resets (protocol 2), `skipDeleted` that DELETED slots mean nothing to it.
   */
  addSlot(encoder: BatchEncoder, at: { shard: number; slot: number }, wants: SlotWants): void;
  /** Calls back with each slot that changes, until the answer is called. */
  subscribe(shard: number, onChange: (slot: number) => void): () => void;
}

/** What a follower takes: see {@link ReplicationSource.addSlot}. */
export interface SlotWants {
  /** Whether resets may be sent. */
  resets: boolean;
  /** Whether DELETED slots are left out. */
  skipDeleted: boolean;
}
