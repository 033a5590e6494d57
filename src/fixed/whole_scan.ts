/**
 * What a whole scan proves about the leader.
 *
 * A scan with no stream beside it is never behind the follower. So an event older than our slot, one of our
 * version with other content, or an OCCUPIED slot that the scan passed without an event each prove that the
 * leader lost or replaced its data. The scan counts such proofs as it goes, and the policy decides.
 */

import { DivergedError, ProtocolError } from "../errors.ts";
import type { EventBytes, SlotEvents } from "../slot_events.ts";
import { FREE, isNewer, OCCUPIED, statusOf, versionOf } from "./meta.ts";
import { foundEquals, type Shard, slotEquals } from "./shard.ts";
import { SlotSet } from "./slot_set.ts";

/** What to do where the leader contradicts the copy. */
export interface DivergencePolicy {
  /** `guard` takes the leader's state up to the limit, `accept` always, `hold` never. */
  mode: "guard" | "accept" | "hold";
  /** The limit of `guard`, as a share (0 to 1) of the OCCUPIED slots that the scan has passed. */
  limit: number;
}

/** Below this many proofs `guard` never stops: small shards would reach any share at once. */
const LEAST_LIMIT = 16;

/** Counts of one scan. */
export interface ScanFindings {
  /** Events older than our slot. */
  older: number;
  /** Events of our version with another status, key or value. */
  different: number;
  /** OCCUPIED slots here that the scan passed without an event. */
  unseen: number;
  /** OCCUPIED slots here that the scan has passed. */
  passed: number;
  /** Events applied. */
  applied: number;
}

/** One whole scan of a shard, from its first event to its judgement. */
export class WholeScan {
  /** See {@link ScanFindings}. */
  readonly findings: ScanFindings = { older: 0, different: 0, unseen: 0, passed: 0, applied: 0 };
  /** OCCUPIED slots here that the scan passed without an event. */
  readonly unseen = new SlotSet();
  /**
   * DELETED and FREE slots here likewise. No key is lost with them, but the leader has never written them, or lost
   * that it did: what it writes there would be older than they are.
   */
  readonly unseenVacant = new SlotSet();
  readonly #shard: Shard;
  readonly #policy: DivergencePolicy;
  readonly #writtenAtStart: number;
  /** Slots that were ever written here, of those that the scan has passed. */
  #writtenPassed = 0;
  #position = 0;
  #isWhole = false;

  /** Begins a scan: nothing but its events may change the shard until it ends. */
  constructor(shard: Shard, policy: DivergencePolicy) {
    this.#shard = shard;
    this.#policy = policy;
    this.#writtenAtStart = shard.written;
  }

  /** The first slot that the scan has not passed. */
  get position(): number {
    return this.#position;
  }

  /**
   * Passes the events from `i` on that say what is held already, of slots that follow one another: nearly all, where a
   * link was lost for a while. Answers the first event that {@link admits} is to be asked about.
   */
  passSame(events: SlotEvents, i: number): number {
    const shard = this.#shard;
    if (shard.unverified.size > 0) return i;
    let next = i;
    for (let slot = this.#position; next < events.count; next++, slot++) {
      const meta = events.metas[next];
      if (events.slots[next] !== slot || statusOf(meta) !== OCCUPIED || shard.metas.get(slot) !== meta) break;
      if (!slotEquals(shard, slot, events, events.keyAt[next])) break;
    }
    this.#position += next - i;
    this.#writtenPassed += next - i;
    this.findings.passed += next - i;
    return next;
  }

  /**
   * Whether event `i` is to be applied. Slots of a scan ascend: ProtocolError where they do not.
   * Throws DivergedError where the policy takes no more of the leader's contradictions.
   */
  admits(events: SlotEvents, i: number): boolean {
    const slot = events.slots[i];
    const meta = events.metas[i];
    if (slot < this.#position) {
      throw new ProtocolError(`Cannot apply a scan: slot ${slot} came after slot ${this.#position - 1}`);
    }
    this.#passUnseen(slot);
    this.#position = slot + 1;
    const old = this.#shard.metas.get(slot);
    if (old !== 0) this.#writtenPassed++;
    if (statusOf(old) === OCCUPIED) this.findings.passed++;
    const wanted = this.#judge(slot, old, meta, events, events.keyAt[i]);
    if (wanted) this.findings.applied++;
    return wanted;
  }

  /**
   * Judges the next `slots` slots behind the last event, once the whole scan has come. Answers whether that
   * was the last of them; throws DivergedError as {@link admits} does.
   */
  finish(slots: number): boolean {
    const end = Math.min(this.#shard.slotCount, this.#position + slots);
    this.#passUnseen(end);
    this.#position = end;
    if (end < this.#shard.slotCount) return false;
    this.#isWhole = true;
    this.#weigh();
    return true;
  }

  #judge(slot: number, old: number, meta: number, events: EventBytes, keyAt: number): boolean {
    if (old === 0 || isNewer(versionOf(meta), versionOf(old))) return true;
    if (this.#shard.unverified.size > 0 && this.#shard.unverified.has(slot)) return true;
    if (versionOf(meta) !== versionOf(old)) {
      this.findings.older++;
      return this.#overrule();
    }
    if (statusOf(meta) === FREE) return statusOf(old) !== FREE;
    // A DELETED slot's key never travels back, so only its status can be compared.
    const same = meta === old &&
      (statusOf(meta) !== OCCUPIED || slotEquals(this.#shard, slot, events, keyAt));
    if (same) return false;
    // What a disk did to our copy says nothing of the leader; our meta, which is in memory, does.
    if (meta === old && !this.#shard.isReadable(slot)) {
      this.#shard.counters.crcErrors++;
      return true;
    }
    // It may have been unreadable a moment ago, and may be again.
    if (meta === old && foundEquals(this.#shard, events, keyAt)) return false;
    this.findings.different++;
    return this.#overrule();
  }

  /** Takes the leader's state against what is held here, if the policy allows one more. */
  #overrule(): true {
    this.#weigh();
    this.#shard.counters.diverged++;
    return true;
  }

  #passUnseen(end: number): void {
    if (this.#writtenPassed === this.#writtenAtStart) return;
    const { metas } = this.#shard;
    for (let slot = this.#position; slot < end; slot++) {
      const meta = metas.get(slot);
      if (meta === 0) continue;
      this.#writtenPassed++;
      if (statusOf(meta) !== OCCUPIED) {
        this.unseenVacant.add(slot);
        continue;
      }
      this.findings.passed++;
      this.findings.unseen++;
      this.unseen.add(slot);
    }
  }

  #weigh(): void {
    const { older, different, unseen, passed, applied } = this.findings;
    // Unseen slots count only in the end: until CaughtUp the scan may have been cut.
    const proofs = older + different + (this.#isWhole ? unseen : 0);
    const limit = this.#limit(passed);
    if (proofs > limit) {
      throw new DivergedError(
        `Cannot follow: the leader contradicts shard ${this.#shard.id} in ${proofs} of ${passed} slots ` +
          `(${older} older, ${different} different, ${unseen} absent), the limit is ${limit}; ` +
          `${applied} events of the scan were applied before`,
      );
    }
  }

  #limit(passed: number): number {
    if (this.#policy.mode === "accept") return Infinity;
    if (this.#policy.mode === "hold") return 0;
    return Math.max(LEAST_LIMIT, Math.floor(this.#policy.limit * passed));
  }
}
