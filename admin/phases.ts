import type { Phase } from "../src/replication/phase.ts";

/** A place for each, so that none is forgotten. */
const ALL: Readonly<Record<Phase, true>> = {
  "connecting": true,
  "greeting": true,
  "catching-up": true,
  "live": true,
  "catch-up-only": true,
  "backing-off": true,
  "paused": true,
  "diverged": true,
  "stopped": true,
};

/** All phases that a shard may be in. */
export const PHASES: readonly Phase[] = Object.keys(ALL) as Phase[];
