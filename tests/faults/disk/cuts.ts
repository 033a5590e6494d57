/** Power cuts by seed: a life for each, and cuts at moments of it. */

import { COMPLETENESS_FILE } from "../../../src/directory/completeness.ts";
import type { SyncPolicy } from "../../../src/replica/replica_target.ts";
import { STORAGE_KINDS } from "../../../src/storage/slot_file.ts";
import { randomNumbers } from "../../harness/random.ts";
import { checkCut, type CutOutcome } from "./cut_check.ts";
import { CutLife, type LifeOptions } from "./cut_life.ts";
import type { DiskOp } from "./memory_disk.ts";
import { HEADER_BYTES } from "./stage.ts";

const SYNCS: readonly SyncPolicy[] = [5, "batch", "none"];

/** What cuts came to. */
export interface CutsDone {
  /** How many there were. */
  cuts: number;
  /** Operations of the life's disk. */
  ops: number;
  /** How often what was left. */
  outcomes: Partial<Record<CutOutcome, number>>;
}

/** How a seed's life is lived: each storage and each sync policy in turn. */
export function optionsOf(seed: number): LifeOptions {
  const storage = STORAGE_KINDS[seed % STORAGE_KINDS.length];
  return { storage, sync: SYNCS[Math.floor(seed / STORAGE_KINDS.length) % SYNCS.length] };
}

/** Any moment; or one behind something rarer than a write, where what is lost may be of another kind. */
function momentOf({ disk: { log } }: CutLife, random: () => number): number {
  if (random() < 0.3) return Math.floor(random() * (log.length + 1));
  const { is, reach } = RARE[Math.floor(random() * RARE.length)];
  const rare = [...log.keys()].filter((i) => is(log[i]));
  return Math.min(log.length, rare[Math.floor(random() * rare.length)] + Math.floor(random() * reach));
}

/** What is rare, and within how many operations it may matter. */
const RARE: readonly { is: (op: DiskOp) => boolean; reach: number }[] = [
  { is: ({ type }) => type === "name" || type === "directory", reach: 4 },
  { is: ({ type }) => type === "synced", reach: 4 },
  { is: ({ type }) => type === "directory-synced", reach: 4 },
  { is: ({ type }) => type === "size", reach: 4 },
  // A data file grows.
  { is: (op) => op.type === "size" && op.size > HEADER_BYTES, reach: 4 },
  // The clean flag: from then on the sidecar is believed, or is not any more.
  { is: (op) => op.type === "write" && op.position === 17, reach: 24 },
  // A shard is complete, or is being scanned, from then on.
  { is: (op) => op.type === "rename" && op.to.endsWith(COMPLETENESS_FILE), reach: 8 },
];

/** Lives the life of a seed and cuts the power so often. Throws with what repeats it. */
export async function runCuts(seed: number, cuts: number, only?: number): Promise<CutsDone> {
  const options = optionsOf(seed);
  await using life = await CutLife.live(options, randomNumbers(seed));
  const done: CutsDone = { cuts, ops: life.disk.log.length, outcomes: {} };
  for (let cut = only ?? 0; cut < (only === undefined ? cuts : only + 1); cut++) {
    const random = randomNumbers(seed * 1_000_003 + cut);
    const ops = momentOf(life, random);
    try {
      const outcome = await checkCut(life, ops, { ...options, random });
      done.outcomes[outcome] = (done.outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      const part = life.parts.findLast(({ op }) => op <= ops)?.name;
      const { storage, sync } = options;
      const repeat = `deno run -A tests/faults/disk/main.ts --seed ${seed} --cut ${cut}`;
      throw new Error(
        `Seed ${seed}, cut ${cut}, ${storage}, sync ${sync}, behind operation ${ops} of ${done.ops} (${part}): ` +
          `${error instanceof Error ? error.message : error}. Again: ${repeat}`,
        { cause: error },
      );
    }
  }
  return done;
}
