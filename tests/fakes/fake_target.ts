/** A store that writes down what replication asks of it, and can hold or fail any step. */

import type { EventSource, ReplicationTarget, ScanResult } from "../../src/replication/target.ts";
import type { Shape, SlotEvents } from "../../src/slot_events.ts";

/** The steps that can be held or made to fail. */
export type Step = "beginScan" | "grow" | "apply" | "flush" | "sync" | "endScan";

/** See the head of this file. */
export class FakeTarget implements ReplicationTarget {
  /** Every call, in words. */
  readonly calls: string[] = [];
  /** Slots by shard. */
  readonly slots = new Map<number, number>();
  /** What the next whole scan leaves unconfirmed. */
  unconfirmed = 0;
  /** Steps that fail, once each, with this. */
  readonly failures = new Map<Step, Error>();
  readonly #holds = new Map<Step, { promise: Promise<void>; release: () => void }>();
  #applied = 0;

  /** Makes a waiting step wait until the answer is called. */
  hold(step: Exclude<Step, "apply" | "flush">): () => void {
    let release = () => {};
    const promise = new Promise<void>((resolve) => release = resolve);
    this.#holds.set(step, { promise, release });
    return () => {
      this.#holds.delete(step);
      release();
    };
  }

  /** How often something was called. */
  count(call: string): number {
    return this.calls.filter((made) => made === call).length;
  }

  isEmpty(): boolean {
    return this.#applied === 0;
  }

  slotCount(shard: number): number {
    return this.slots.get(shard) ?? 0;
  }

  appliedTotal(): number {
    return this.#applied;
  }

  maxVersion(): number {
    return 0;
  }

  async beginScan(
    shard: number,
    source: "scan" | "side",
    leader: Shape & { slotCount: number },
  ): Promise<void> {
    await this.#step("beginScan", `beginScan ${shard} ${source}`);
    this.slots.set(shard, Math.max(this.slotCount(shard), leader.slotCount));
  }

  async grow(shard: number, slotCount: number): Promise<void> {
    await this.#step("grow", `grow ${shard} ${slotCount}`);
    this.slots.set(shard, Math.max(this.slotCount(shard), slotCount));
  }

  apply(shard: number, events: SlotEvents, source: EventSource): number {
    const slots = events.slots.subarray(0, events.count).join(" ");
    const values = Array.from({ length: events.count }, (_, i) => events.bytes[events.keyAt[i] + 8]).join(
      " ",
    );
    this.#note("apply", `apply ${shard} ${source} [${slots}] = [${values}]`);
    this.#applied += events.count;
    return events.count;
  }

  flush(shard: number): void {
    this.#note("flush", `flush ${shard}`);
  }

  flushLater(shard: number): void {
    this.#note("flush", `flushLater ${shard}`);
  }

  async sync(shard: number): Promise<void> {
    await this.#step("sync", `sync ${shard}`);
  }

  async endScan(shard: number, source: "scan" | "side"): Promise<ScanResult> {
    await this.#step("endScan", `endScan ${shard} ${source}`);
    const { unconfirmed } = this;
    if (source === "scan") this.unconfirmed = 0;
    return { unconfirmed: source === "scan" ? unconfirmed : 0, unverified: 0 };
  }

  abortScan(shard: number): void {
    this.calls.push(`abortScan ${shard}`);
  }

  async #step(step: Step, call: string): Promise<void> {
    this.#note(step, call);
    await this.#holds.get(step)?.promise;
  }

  #note(step: Step, call: string): void {
    this.calls.push(call);
    const failure = this.failures.get(step);
    if (failure === undefined) return;
    this.failures.delete(step);
    throw failure;
  }
}
