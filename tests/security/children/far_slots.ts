/**
 * Follows a leader that streams slots as far apart as is allowed, and prints what that cost, as JSON:
 * `far_slots.ts STEPS LIMIT_MS`. In a process of its own, as most_slots.ts is.
 */
import process from "node:process";

import { MOST_ACKS_AHEAD } from "../../../src/replication/scan_acks.ts";
import { Followed, TemporaryDirectory } from "../../fakes/followed.ts";
import { batch, put } from "../../fakes/leader_frames.ts";
import { ScriptedLeader } from "../../fakes/scripted_leader.ts";
import { until } from "../../harness/until.ts";
import { diskBytes, memoryBytes } from "../limits.ts";

/** A slot is not believed 65,536 or more beyond those that are there. */
const STRIDE = 60_000;

const [steps, limitMs] = process.argv.slice(2).map(Number);
using directory = new TemporaryDirectory();
const memory = memoryBytes();
await using leader = await ScriptedLeader.start(async (connection) => {
  await connection.scan();
  for (let i = 1; i <= steps; i++) {
    connection.send(batch([put(STRIDE * i)]));
    await connection.acked(MOST_ACKS_AHEAD + i);
  }
});
await using followed = await Followed.start(leader.address, directory.of("replica"), {
  times: { silenceMs: limitMs },
});
await until(() => followed.follower.size === steps, limitMs);
const { errors } = followed;
console.log(JSON.stringify({ errors, memory: memoryBytes() - memory, disk: diskBytes(directory.path) }));
