/** The real armdb, version 0.15.0, as leader and as follower. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ArmdbPeer, type PeerShape } from "../tests/interop/armdb_peer.ts";
import type { Contender, Figures } from "./bench.ts";
import { processMemory } from "./process_memory.ts";
import { withDirectory } from "./rounds.ts";

/** What a leader holds. */
export interface Filling {
  /** Lengths of key and value. */
  shape: PeerShape;
  /** Number of shards. */
  shards: number;
  /** Keys, each in a slot of its own. */
  slots: number;
}

/**
 * Slots by which the leader's files grow. armdb's default of a million would leave up to that many free slots in
 * each shard, which a leader scans too: time that says nothing of a follower.
 */
export const SMALL_GROW_STEP = 16_384;
/** armdb's own default. */
const DEFAULT_GROW_STEP = 1_000_000;
/** A catch-up of armdb's follower takes no longer. */
const LIMIT_MS = 300_000;
/** A leader finds out within its read timeout of 20 ms that a connection was closed; then its shard is free again. */
const RELEASE_MS = 100;

/** A leader that is filled and serves. Dispose it. */
export class BenchLeader implements AsyncDisposable {
  /** Where it serves: `HOST:PORT`. */
  address = "";

  private constructor(readonly peer: ArmdbPeer, readonly filling: Filling) {}

  /** Starts a leader over a fresh directory below `dir`. */
  static async start(dir: string, filling: Filling): Promise<BenchLeader> {
    const { shape, shards, slots } = filling;
    const leader = new BenchLeader(await ArmdbPeer.start(2), filling);
    await leader.peer.command(
      `open ${join(dir, `leader-${shape}-${shards}-${slots}`)} ${shape} ${shards} 0 ${SMALL_GROW_STEP}`,
    );
    if (slots > 0) await leader.peer.command(`fill ${slots} 1`);
    leader.address = await leader.peer.command("serve 127.0.0.1:0");
    return leader;
  }

  /** Measures, then waits until the leader can serve the next follower. */
  async measure<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } finally {
      await wait(RELEASE_MS);
    }
  }

  /** See the class. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer.kill();
  }
}

/** How armdb's follower is measured. */
export interface ArmdbOptions {
  /** Rounds, where they are to be fewer than those of the others. */
  rounds?: number;
  /** Slots by which its files grow; armdb's default if not given, and so the fewest syncs. */
  growStep?: number;
}

/** armdb's own follower in a fresh directory, in a process of its own: from `follow` until it has all keys. */
export function armdbFollower(dir: string, leader: BenchLeader, options: ArmdbOptions = {}): Contender {
  const { rounds, growStep = DEFAULT_GROW_STEP } = options;
  const run = () =>
    withDirectory(join(dir, "armdb"), (path) => catchUp(join(path, "store"), leader, growStep));
  return { name: "armdb", rounds, measure: () => leader.measure(run) };
}

async function catchUp(dir: string, leader: BenchLeader, growStep: number): Promise<Figures> {
  const { shape, shards, slots } = leader.filling;
  await using peer = await ArmdbPeer.start(2);
  await peer.command(`open ${dir} ${shape} ${shards} 0 ${growStep}`);
  const started = performance.now();
  await peer.command(`follow ${leader.address}`);
  // The process itself looks every 2 ms.
  await peer.command(`wait ${LIMIT_MS} >=${slots} len`);
  const seconds = (performance.now() - started) / 1000;
  const { rssMb, peakMb } = processMemory(peer.pid);
  return { "M slots/s": slots / seconds / 1e6, "rss MB": rssMb, "peak MB": peakMb };
}
