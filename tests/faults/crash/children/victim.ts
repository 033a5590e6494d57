/**
 * A follower that is to be killed: `victim.ts LEADER DIR STORAGE SYNC`.
 *
 * Says `opening`, `phase SHARD PHASE`, `following` when it serves, `caught-up`, and the answers to the lines of
 * standard input: `state`, `rescan`, `backup PARENT`. SIGTERM closes it as the program would: `closing`, `closed`.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

import { follow, type Follower, type FollowOptions } from "../../../../mod.ts";
import { dumpText } from "../../../interop/equal.ts";

const [leader, dir, storage, sync] = process.argv.slice(2);
const say = (line: string) => console.log(line);
const stop = new AbortController();
let begun: Follower | undefined;

process.once("SIGTERM", async () => {
  say("closing");
  stop.abort(new Error("asked to stop"));
  say(`closed ${await begun?.close() ?? ""}`);
  process.exit(0);
});

/** `state DIGEST KEYS COMPLETE UNVERIFIED DIVERGED`. */
function state(of: Follower): string {
  const digest = createHash("sha256").update(dumpText(of.entries())).digest("hex");
  const { keys, complete, shards } = of.status();
  const unverified = shards.reduce((sum, { slots }) => sum + slots.unverified, 0);
  const diverged = shards.reduce((sum, shard) => sum + shard.diverged, 0);
  return `state ${digest} ${keys} ${complete} ${unverified} ${diverged}`;
}

async function answer(of: Follower, line: string): Promise<void> {
  const [command, ...rest] = line.split(" ");
  if (command === "state") say(state(of));
  if (command === "rescan") {
    say("rescanning");
    await of.rescan();
    say("rescanned");
  }
  if (command === "backup") {
    say("backing-up");
    await of.backup(rest.join(" "));
    say("backed-up");
  }
}

say("opening");
const follower = begun = await follow(leader, {
  dir,
  storage: storage as FollowOptions["storage"],
  sync: sync === "batch" || sync === "none" ? sync : Number(sync),
  connectTimeoutMs: 15_000,
  rescanMs: 500,
  backoff: { baseMs: 10, limitMs: 100 },
  times: { settleMs: 50, catchUpOnlyMs: 500 },
  signal: stop.signal,
  onEvent: (event) => event.type === "phase" && say(`phase ${event.shard} ${event.phase}`),
});
say("following");
follower.caughtUp().then(() => say("caught-up"), (error) => say(`not-caught-up ${error.message}`));
for await (const line of createInterface({ input: process.stdin })) {
  answer(follower, line).catch((error) => say(`failed ${error.message}`));
}
