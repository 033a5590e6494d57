/** A leader that means harm: what it may cost a follower in memory, disk, time and connections. */

import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

import { runChild } from "../../bench/child.ts";
import { encodeError, HEARTBEAT_FRAME } from "../../src/replication/protocol.ts";
import { filled, Followed, TemporaryDirectory } from "../fakes/followed.ts";
import { batch, caughtUp, infoFrame, keyOf, put, puts } from "../fakes/leader_frames.ts";
import { type Script, type ScriptedConnection, ScriptedLeader } from "../fakes/scripted_leader.ts";
import { OWN_RUNTIME } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";
import { Flood } from "./flood.ts";
import { diskBytes, LoopWatch, memoryBytes, MIB } from "./limits.ts";

/** The largest slot count that is believed. */
const MOST_SLOTS = 2 ** 28;
/** armdb's own waits between connections, and those of `follow`. */
const USUAL_BACKOFF = { baseMs: 1000, limitMs: 30_000, healthyMs: 1000 };
/** How long those that try to make it spin have, in ms. */
const SPIN_MS = 1500;
/** Connections that one shard may make in that time; at loopback's pace it would be hundreds. */
const MOST_CONNECTIONS = 20;
const DROPPED = "events dropped, rescan required";
const LIMIT_MS = 30_000;

/** A scan of keys 0 to 2. A batch behind it says that it was whole. */
const SCAN = [infoFrame(), batch(puts(3)), caughtUp(3)];

const SPINNERS: [string, Script][] = [
  ["says 'events dropped' at once", (c) => endWith(c, infoFrame(), encodeError(DROPPED))],
  ["says it behind a whole scan", (c) => endWith(c, ...SCAN, batch([put(0, 2)]), encodeError(DROPPED))],
  ["sends what the next scan does not have", (c) => endWith(c, ...SCAN, batch([put(10 + c.index)]))],
  ["says 'shard already streaming'", (c) => endWith(c, infoFrame(), encodeError("shard already streaming"))],
  ["says an error that is another one each time", (c) => endWith(c, encodeError(`no ${c.index}`))],
  ["says ShardInfo for ever", (c) => endWith(c, ...Array.from({ length: 1000 }, () => infoFrame()))],
  ["claims more slots each time", (c) => endWith(c, infoFrame({ slotCount: 64 + 100_000 * c.index }))],
  ["claims more slots than can be", (c) => endWith(c, infoFrame({ slotCount: 2 ** 31 }))],
  ["claims a frame of 4 GiB", (c) => endWith(c, infoFrame(), Uint8Array.of(3, 255, 255, 255, 255))],
  ["closes at once", (c) => c.end()],
];

function endWith(connection: ScriptedConnection, ...frames: Uint8Array[]): void {
  connection.send(...frames);
  connection.end();
}

/** Lets a follower meet a script for a while; answers what it cost too much. */
async function meetSpinner([name, script]: [string, Script]): Promise<string[]> {
  using directory = new TemporaryDirectory();
  await filled(directory.of("replica"));
  const before = diskBytes(directory.path);
  await using leader = await ScriptedLeader.start(script);
  await using followed = await Followed.start(leader.address, directory.of("replica"), {
    backoff: USUAL_BACKOFF,
  });
  await new Promise((resolve) => setTimeout(resolve, SPIN_MS));
  const connections = leader.connections.length;
  const bytes = diskBytes(directory.path) - before;
  return [
    ...(connections > 0 && connections <= MOST_CONNECTIONS ? [] : [`${name}: ${connections} connections`]),
    ...(bytes < MIB ? [] : [`${name}: ${bytes} more bytes on disk`]),
    ...(followed.follower.get(keyOf(1)) !== undefined ? [] : [`${name}: a key is gone`]),
  ];
}

test("no leader can make a follower connect without a pause, or write without end", async () => {
  const problems = await Promise.all(SPINNERS.map(meetSpinner));
  expect(problems.flat()).toEqual([]);
}, LIMIT_MS);

/**
 * What a script of children/ measured, in a process of its own: what other tests leave behind in this one moves its
 * memory by hundreds of MiB.
 */
async function costIn<T>(script: string, amount: number): Promise<T> {
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  return await runChild(OWN_RUNTIME, path, [`${amount}`, `${LIMIT_MS}`]) as T;
}

/** Bytes. */
interface Cost {
  memory: number;
  disk: number;
}

interface MostSlots {
  total: number;
  caughtUp: Cost;
  dirty: number[];
  closed: Cost;
  closeMs: number;
}

describe("what a leader claims costs nothing before it comes", () => {
  test("the most slots that are believed, in memory, on disk and at a close", async () => {
    const { total, caughtUp, dirty, closed, closeMs } = await costIn<MostSlots>("most_slots.ts", MOST_SLOTS);
    expect(total).toBe(MOST_SLOTS);
    expect(caughtUp.memory).toBeLessThan(256 * MIB);
    expect(caughtUp.disk).toBeLessThan(MIB);
    // A sidecar of so many slots is a gigabyte of holes: clean if it is made in time, and else not left for the kill that
    // comes behind a stop.
    expect([[], [0]]).toContainEqual(dirty);
    expect(closed.memory).toBeLessThan(256 * MIB);
    expect(closeMs).toBeLessThan(4000);
    expect(closed.disk).toBeLessThan(MIB);
  }, LIMIT_MS);

  test("slots that lie as far apart as is allowed, for ever", async () => {
    const { errors, memory, disk } = await costIn<Cost & { errors: string[] }>("far_slots.ts", 100);
    // A page of memory and a block of the file for each slot that was written, and little more.
    expect(memory).toBeLessThan(64 * MIB);
    expect(disk).toBeLessThan(4 * MIB);
    expect(errors).toEqual([]);
  }, LIMIT_MS);
});

/** Each of the chunks so many times. */
function repeated(chunk: (i: number) => Uint8Array, count: number): () => Uint8Array | undefined {
  let sent = 0;
  return () => sent < count ? chunk(sent++) : undefined;
}

function concat(frames: Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

describe("a flood", () => {
  /** Follows it to its end; answers the watch of the event loop. */
  async function meet(flood: Flood, directory: TemporaryDirectory, isOver: (followed: Followed) => boolean) {
    const memory = memoryBytes();
    using loop = new LoopWatch();
    await using followed = await Followed.start(flood.address, directory.of("replica"), {
      backoff: USUAL_BACKOFF,
      times: { silenceMs: LIMIT_MS },
    });
    // Nobody reads it: it may not gather what it cannot hand out.
    const watch = followed.follower.watch()[Symbol.asyncIterator]();
    watch.next().catch(() => {});
    await until(() => isOver(followed) && followed.follower.status().phase === "live", LIMIT_MS);
    expect(followed.errors).toEqual([]);
    expect(memoryBytes() - memory).toBeLessThan(128 * MIB);
    expect(diskBytes(directory.path)).toBeLessThan(MIB);
    expect(loop.longestMs).toBeLessThan(500);
    await watch.return?.();
  }

  test("of Heartbeats, the smallest frames, is answered by none", async () => {
    using directory = new TemporaryDirectory();
    const many = concat(Array.from({ length: 10_000 }, () => HEARTBEAT_FRAME));
    await using flood = await Flood.start(concat([infoFrame(), caughtUp(0)]), repeated(() => many, 200));
    const frames = () => flood.sent / HEARTBEAT_FRAME.length;
    const received = ({ follower }: Followed) => follower.status().shards[0].received.bytes;
    await meet(flood, directory, (followed) => frames() === 2_000_000 && received(followed) > flood.sent);
    // A SyncRequest, and what goes by the clock.
    expect(flood.received).toBeLessThan(2000);
  }, LIMIT_MS);

  test("of events for one slot, each newer than the last", async () => {
    using directory = new TemporaryDirectory();
    const count = 1500;
    const same = (i: number) =>
      batch(Array.from({ length: 256 }, (_, k) => put(7, i * 256 + k + 1, { key: 7 })));
    const chunks = Array.from({ length: 64 }, (_, i) => same(i));
    await using flood = await Flood.start(
      concat([infoFrame(), caughtUp(0)]),
      repeated((i) => chunks[i] ?? chunks[i % 64], count),
    );
    await meet(
      flood,
      directory,
      ({ follower }) => follower.status().shards[0].received.events === 256 * count,
    );
  }, LIMIT_MS);
});
