/**
 * Follows a leader that claims so many slots, and prints what that cost, as JSON: `most_slots.ts SLOTS LIMIT_MS`. In a
 * process of its own: what tests leave behind moves the memory of theirs by hundreds of MiB.
 */
import process from "node:process";

import { Followed, TemporaryDirectory } from "../../fakes/followed.ts";
import { batch, puts } from "../../fakes/leader_frames.ts";
import { ScriptedLeader } from "../../fakes/scripted_leader.ts";
import { diskBytes, memoryBytes } from "../limits.ts";

const [slots, limitMs] = process.argv.slice(2).map(Number);
using directory = new TemporaryDirectory();
const memory = memoryBytes();
await using leader = await ScriptedLeader.start((connection) =>
  connection.scan([batch(puts(3))], { slotCount: slots })
);
await using followed = await Followed.start(leader.address, directory.of("replica"), {
  times: { silenceMs: limitMs, greetingMs: limitMs },
  connectTimeoutMs: limitMs,
});
const cost = () => ({ memory: memoryBytes() - memory, disk: diskBytes(directory.path) });
await followed.follower.caughtUp();
const { total } = followed.follower.status().shards[0].slots;
const caughtUp = cost();
const closing = performance.now();
const dirty = await followed.follower.close();
console.log(JSON.stringify({ total, caughtUp, dirty, closed: cost(), closeMs: performance.now() - closing }));
