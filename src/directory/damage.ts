import type { FileProblemKind } from "./survey.ts";

/**
 * What verify can find. Of a file: `missing`, `unreadable`, `header`, `truncated`, `sidecar`. Of a slot: `sidecar`
 * (its meta differs from the sidecar's), `status` (3), `crc`, `misrouted` (its key belongs to another shard),
 * `duplicate` (another slot of the shard holds its key too).
 */
export type DamageKind = FileProblemKind | "sidecar" | "status" | "crc" | "misrouted" | "duplicate";

/** One finding. */
export interface Damage {
  /** The shard; null where it is the directory as a whole. */
  shard: number | null;
  /** The slot; null where it is the file as a whole. */
  slot: number | null;
  /** What kind. */
  kind: DamageKind;
  /** The same in words, with the values. */
  text: string;
}

/** Findings that are listed per shard; all are counted. */
export const LISTED_PER_SHARD = 1000;

/** Findings: counted whole, listed up to a limit, so that a directory of garbage costs no memory. */
export class DamageList {
  /** The first findings of each shard. */
  readonly listed: Damage[] = [];
  /** How many there are, by kind. */
  readonly counts: Partial<Record<DamageKind, number>> = {};
  /** How many there are. */
  total = 0;
  readonly #listedOf = new Map<number | null, number>();

  /** Takes up a finding. */
  add(damage: Damage): void {
    this.total++;
    this.counts[damage.kind] = (this.counts[damage.kind] ?? 0) + 1;
    const listed = this.#listedOf.get(damage.shard) ?? 0;
    if (listed === LISTED_PER_SHARD) return;
    this.#listedOf.set(damage.shard, listed + 1);
    this.listed.push(damage);
  }
}
