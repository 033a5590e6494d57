/**
 * Faults drawn by a seed, at random moments, while a real leader churns: one follower lives through many rounds.
 *
 * What is drawn is the same for the same seed; when it strikes depends on the machine.
 */
import { expect } from "bun:test";

import { FrameType } from "../../../src/replication/wire.ts";
import { randomNumbers } from "../../harness/random.ts";
import { until } from "../../harness/until.ts";
import { SOON_MS } from "../../interop/stage.ts";
import type { FaultProxy, Proxied } from "./fault_proxy.ts";
import type { Scene } from "./scene.ts";

/** How rounds are run. */
export interface RoundOptions {
  rounds: number;
  seed: number;
  /** Told of each round. */
  log?: (line: string) => void;
}

/** A fault lasts no longer than this: beyond two limits of silence. */
const LONGEST_MS = 2200;

interface RandomFault {
  name: string;
  strike(proxy: FaultProxy, random: () => number): void;
}

/** A random connection, if there is one. */
function withOne(
  act: (proxy: FaultProxy, connection: Proxied) => void,
): RandomFault["strike"] {
  return (proxy, random) => {
    const open = [...proxy.open];
    if (open.length > 0) act(proxy, open[Math.floor(random() * open.length)]);
  };
}

const WAYS = ["up", "down", undefined] as const;
const way = (random: () => number) => WAYS[Math.floor(random() * WAYS.length)];

const FAULTS: readonly RandomFault[] = [
  { name: "cut", strike: (proxy) => proxy.cut() },
  { name: "close", strike: withOne((proxy, connection) => proxy.close(connection)) },
  { name: "reset", strike: withOne((proxy, connection) => proxy.reset(connection)) },
  { name: "half-open", strike: withOne((proxy, connection) => proxy.vanish(connection)) },
  {
    name: "refuse",
    strike: (proxy) => {
      proxy.shut();
      proxy.cut();
    },
  },
  {
    name: "accept and close",
    strike: (proxy) => {
      proxy.slams = true;
      proxy.cut();
    },
  },
  { name: "black hole", strike: (proxy, random) => proxy.weather = { kind: "swallow", way: way(random) } },
  { name: "stall", strike: (proxy, random) => proxy.weather = { kind: "hold", way: way(random) } },
  {
    name: "delay",
    strike: (proxy, random) => proxy.weather = { kind: "delay", way: way(random), ms: 100 * random() },
  },
  {
    name: "throttle",
    strike: (proxy, random) =>
      proxy.weather = { kind: "throttle", way: way(random), bytesPerMs: 5 + 100 * random() | 0 },
  },
  {
    name: "one byte at a time",
    strike: (proxy, random) => proxy.weather = { kind: "bytewise", way: way(random) },
  },
  {
    name: "damage",
    strike: (proxy, random) => {
      const [frame, way] = random() < 0.8
        ? [FrameType.SlotBatch, "down" as const]
        : [FrameType.Ack, "up" as const];
      void proxy.edit({ frame, way, nth: 1 + Math.floor(3 * random()) }, (bytes) => damaged(bytes, random));
    },
  },
];

/** Flips a bit, doubles a byte, or leaves one out. */
function damaged(frame: Uint8Array, random: () => number): Uint8Array {
  const at = Math.floor(random() * frame.length);
  const kind = random();
  if (kind < 0.6) {
    const flipped = frame.slice();
    flipped[at] ^= 1 << Math.floor(8 * random());
    return flipped;
  }
  const from = kind < 0.8 ? at : at + 1;
  const changed = new Uint8Array(at + (kind < 0.8 ? 1 : 0) + frame.length - from);
  changed.set(frame.subarray(0, kind < 0.8 ? at + 1 : at));
  changed.set(frame.subarray(from), changed.length - (frame.length - from));
  return changed;
}

/** Follows from here on; the scene is new. Rejects where a round does not end equal. */
export async function runRounds(scene: Scene, { rounds, seed, log = () => {} }: RoundOptions): Promise<void> {
  const random = randomNumbers(seed);
  await scene.start({ onDivergence: "accept" });
  for (let round = 1; round <= rounds; round++) {
    const fault = FAULTS[Math.floor(random() * FAULTS.length)];
    log(`round ${round}: ${fault.name}`);
    try {
      await runRound(scene, fault, random);
    } catch (error) {
      throw new Error(`Seed ${seed}, round ${round}, ${fault.name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

async function runRound(scene: Scene, fault: RandomFault, random: () => number): Promise<void> {
  const { proxy, follower, history } = scene;
  const isDamage = fault.name === "damage";
  for (let bursts = 10 * random(); bursts > 0; bursts--) await history.burst(15);
  const lastsMs = random() < 0.5 ? 0 : LONGEST_MS * random();
  await strike(scene, fault, random);
  const from = performance.now();
  do {
    await history.burst(15);
    if (!isDamage) scene.expectKnown();
  } while (performance.now() - from < lastsMs);
  await proxy.clear();
  await until(
    () => follower.status().error === null && isFollowing(scene),
    SOON_MS,
    "a follower that is well",
  );
  // What cannot be seen is mended by a whole scan.
  if (isDamage) await scene.scanWhole();
  await scene.untilEqual();
  if (!isDamage) scene.expectKnown();
  expect(follower.status().complete).toBe(true);
}

/** At once, or at a byte of the next connection. */
async function strike({ proxy }: Scene, fault: RandomFault, random: () => number): Promise<void> {
  if (fault.name === "damage" || random() < 0.4) return fault.strike(proxy, random);
  const frame = [FrameType.ShardInfo, FrameType.SlotBatch, FrameType.CaughtUp][Math.floor(3 * random())];
  const byte = Math.floor(20 * random());
  const seed = 2 ** 32 * random();
  proxy.cut();
  await proxy.arm({ frame, byte }, () => fault.strike(proxy, randomNumbers(seed)));
}

function isFollowing({ follower }: Scene): boolean {
  return follower.status().shards.every(({ phase }) => phase === "live" || phase === "catch-up-only");
}
