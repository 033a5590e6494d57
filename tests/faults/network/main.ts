/**
 * Many rounds of random faults between a real leader and a follower, both versions:
 * `deno run -A --no-check tests/faults/network/main.ts [--rounds N] [--seed S] [--version 1|2]`, or the same with bun.
 */
import process from "node:process";
import { parseArgs } from "node:util";

import { type PeerVersion, Stage, VERSIONS } from "../../interop/stage.ts";
import { runRounds } from "./rounds.ts";
import { Scene } from "./scene.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string" }, seed: { type: "string" }, version: { type: "string" } },
});
const rounds = Number(values.rounds ?? 100);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const versions = values.version === undefined ? VERSIONS : [Number(values.version) as PeerVersion];

try {
  for (const version of versions) {
    await using stage = new Stage();
    const scene = await Scene.set(stage, version);
    await runRounds(scene, { rounds, seed, log: (line) => console.log(`protocol ${version}, ${line}`) });
  }
  console.log(`${rounds} rounds of seed ${seed} ended equal, protocol ${versions.join(" and ")}`);
} catch (error) {
  console.error(error);
  console.error(`Again: tests/faults/network/main.ts --rounds ${rounds} --seed ${seed}`);
  process.exitCode = 1;
}
