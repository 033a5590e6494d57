/** Which slots a leader may name: those that are known and a few more, and in a scan each once, ascending. */

import { ProtocolError } from "../errors.ts";
import type { SlotEvents } from "../slot_events.ts";

/** A slot id this far beyond all that is known is an error, not a reason to grow the file. */
const SLOT_SLACK = 65_536;

/** See the head of this file. Asked of a whole batch before any of it is applied. */
export class SlotBounds {
  /** The next slot of the scan. */
  scanPosition = 0;
  #known = 0;

  /** A scan begins of a shard with so many slots. */
  begin(slotCount: number): void {
    this.#known = slotCount;
  }

  /** The scan has passed all slots. */
  endScan(): void {
    this.scanPosition = this.#known;
  }

  /** The highest slot of a batch, -1 of an empty one; slots up to it are known from now on. Throws ProtocolError. */
  requireKnown({ slots, count }: SlotEvents): number {
    let highest = -1;
    for (let i = 0; i < count; i++) {
      if (slots[i] > highest) highest = slots[i];
    }
    if (highest >= this.#known + SLOT_SLACK) {
      throw new ProtocolError(
        `Cannot apply SlotBatch: slot_id is ${highest}, and ${this.#known} slots are known`,
      );
    }
    if (highest >= this.#known) this.#known = highest + 1;
    return highest;
  }

  /** Takes a batch of the scan. Throws ProtocolError where its slots do not ascend. */
  advanceScan({ slots, count }: SlotEvents): void {
    for (let i = 0; i < count; i++) {
      if (slots[i] < this.scanPosition) {
        throw new ProtocolError(
          `Cannot apply SlotBatch: slot_id is ${slots[i]}, and the scan is at ${this.scanPosition} already`,
        );
      }
      this.scanPosition = slots[i] + 1;
    }
  }
}
