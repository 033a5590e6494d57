/** What goes wrong: each fault by its name, done to the parts of a simulation. */

import type { VirtualClock } from "./clock.ts";
import type { SimDisk } from "./disk.ts";
import type { FollowerHost } from "./follower_host.ts";
import type { LeaderHost } from "./leader_host.ts";
import type { SimNetwork, SimSocket } from "./network.ts";
import type { Fault } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** The parts that faults are done to. */
export interface World {
  clock: VirtualClock;
  /** Chance, for the faults alone. */
  random: Random;
  network: SimNetwork;
  disk: SimDisk;
  leader: LeaderHost;
  follower: FollowerHost;
  trace: Trace;
}

/** The most that a spell of trouble lasts, in ms; most are short. */
const LONGEST_SPELL_MS = 20_000;
/** More than a v1 queue holds. */
const FLOOD_EVENTS = 9000;

/** Does one. */
export function doFault(world: World, fault: Fault): void {
  world.trace.add(`fault ${fault}`);
  FAULTS_BY_NAME[fault](world);
}

const FAULTS_BY_NAME: Record<Fault, (world: World) => void> = {
  reset: (world) => withSocket(world, (socket) => socket.reset()),
  swallow: (world) => withSocket(world, (socket) => socket.swallow(world.random.skewed(100, 60_000))),
  stall: (world) =>
    withSocket(world, (socket) => socket.stalledUntil = world.clock.now + world.random.skewed(10, 20_000)),
  refuse: (world) => during(world, world.network, "refuse", world.random.pick([0.5, 1])),
  hang: (world) => during(world, world.network, "hang", world.random.pick([0.5, 1])),
  slow: (world) => during(world, world.network, "jitterMs", 2000),
  "leader-stop": (world) => stopLeader(world, false, "same"),
  "leader-kill": (world) => stopLeader(world, true, "same"),
  "leader-loses": (world) => stopLeader(world, true, "older"),
  "leader-wiped": (world) => stopLeader(world, false, "wiped"),
  "leader-replaced": (world) => stopLeader(world, false, "replaced"),
  "leader-reshaped": (world) => {
    stopLeader(world, false, "reshaped");
    world.clock.after(world.random.skewed(2000, 20_000), () => {
      if (!world.leader.isWell) stopLeader(world, true, "same");
    });
  },
  "leader-upgraded": (world) => stopLeader(world, false, "upgraded"),
  "leader-torn": (world) => stopLeader(world, true, "torn"),
  burst: ({ leader, random }) => write(leader, random.between(10, 400)),
  flood: ({ leader }) => write(leader, FLOOD_EVENTS),
  "disk-full": (world) => during(world, world.disk, "isFull", true),
  "write-errors": (world) => during(world, world.disk, "writeError", world.random.pick([0.05, 1])),
  "sync-errors": (world) => during(world, world.disk, "syncError", world.random.pick([0.3, 1])),
  "read-errors": (world) => during(world, world.disk, "readError", world.random.pick([0.02, 1])),
  kill: ({ follower }) => follower.kill("kill"),
  "kill-in-write": (world) => endInWrite(world, "kill"),
  "power-cut": ({ follower }) => follower.kill("power-cut"),
  "power-cut-in-write": (world) => endInWrite(world, "power-cut"),
  reopen: ({ follower }) => void follower.reopen(),
  pause: ({ follower, clock, random }) => {
    const { following } = follower;
    if (following === undefined) return;
    void following.operate("pause", (operations) => operations.pause()).catch(() => {});
    // Of a process that has died meanwhile nothing goes on.
    clock.after(random.skewed(10, LONGEST_SPELL_MS), () => {
      if (follower.following === following) following.links.resume();
    });
  },
  rescan: ({ follower }) =>
    void follower.following?.operate("rescan", (operations) => operations.rescan({})).catch(() => {}),
  verify: ({ follower }) =>
    void follower.following?.operate("verify", (operations) => operations.verify(undefined)).catch(() => {}),
  // The process, or the machine, stands still: all timers are late.
  frozen: ({ clock, random }) => void (clock.now += random.skewed(30, LONGEST_SPELL_MS)),
};

function withSocket({ network, random }: World, act: (socket: SimSocket) => void): void {
  if (network.sockets.size > 0) act(random.pick([...network.sockets]));
}

/** Sets a mood for a while: until this spell ends, or one before it of the same name. */
function during<Temper, Name extends keyof Temper>(
  { clock, random }: Pick<World, "clock" | "random">,
  moods: { temper: Temper; calm: Readonly<Temper> },
  name: Name,
  value: Temper[Name],
): void {
  moods.temper[name] = value;
  clock.after(random.skewed(10, LONGEST_SPELL_MS), () => moods.temper[name] = moods.calm[name]);
}

function stopLeader(
  { leader, random }: World,
  isKilled: boolean,
  comeback: Parameters<LeaderHost["stop"]>[0]["comeback"],
): void {
  leader.stop({ isKilled, comeback, afterMs: random.skewed(1, LONGEST_SPELL_MS) });
}

function write(leader: LeaderHost, count: number): void {
  if (!leader.isWell) return;
  for (let i = 0; i < count; i++) leader.write();
}

/** The process ends at one of the next writes, in the middle of what it does. */
function endInWrite({ disk, follower, clock, random }: World, how: "kill" | "power-cut"): void {
  const { starts } = follower;
  const writes = random.between(1, 40);
  // It has died already, and only does not know it yet.
  if (disk.isDead) return;
  disk.writesLeft = writes;
  disk.onLastWrite = () => clock.after(0, () => follower.starts === starts && follower.kill(how));
}
