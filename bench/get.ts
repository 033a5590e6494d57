/** Reads of keys that are there, in an order that looks random, against lmdb-js and the runtime's own SQLite. */
import { join } from "node:path";

import type { Bench, Contender, Figures, Prepared, Ratio, RuntimeName, Setup } from "./bench.ts";
import { runChild } from "./child.ts";
import { installPeers } from "./get_peers.ts";
import { BenchLeader } from "./real_leader.ts";

const KEYS = 1_000_000;
const QUICK_KEYS = 50_000;
const SHARDS = 2;

/** What a peer's fastest call takes, as a multiple of ours: a copy, and bytes put into a buffer of the caller's. */
const COPYING = { figure: "get ns", must: 5, reach: 8 };
const INTO = { figure: "getInto ns", must: 10, reach: 20 };

/**
 * `get ns` and `getInto ns` of a peer are both its fastest call, whatever that leaves to the caller: lmdb-js's
 * `getBinaryFast` gives bytes that the next call overwrites.
 */
export const GET_BENCH: Bench = {
  name: "get",
  title: `reads of ${KEYS / 1e6} M keys of 8+16 in ${SHARDS} shards, in memory, routing included`,
  prepare,
};

async function prepare({ dir, runtimes, quick }: Setup): Promise<Prepared> {
  const peers = join(dir, "peers");
  await installPeers(peers);
  {
    await using leader = await BenchLeader.start(dir, {
      shape: "8x16",
      shards: SHARDS,
      slots: quick ? QUICK_KEYS : KEYS,
    });
    await runChild(runtimes[0], "get_fill.ts", [leader.address, dir, peers]);
  }
  return {
    contenders: runtimes.flatMap((runtime) => contendersOf(runtime, dir, peers)),
    ratios: runtimes.flatMap(ratiosOf),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Each is a process of its own in every round: what one leaves to the engine slows no other. */
function contendersOf(runtime: RuntimeName, dir: string, peers: string): Contender[] {
  const contender = (name: string): Contender => ({
    name: `${name} ${runtime}`,
    measure: () => runChild(runtime, `get_${name}.ts`, [dir, peers]) as Promise<Figures>,
  });
  return ["slotcask", "lmdb", "sqlite"].map(contender);
}

/** How many times longer the peer's call takes. */
function ratiosOf(runtime: RuntimeName): Ratio[] {
  const against = `slotcask ${runtime}`;
  return ["lmdb", "sqlite"].flatMap((peer) =>
    [COPYING, INTO].map((goal) => ({ ...goal, of: `${peer} ${runtime}`, against }))
  );
}
