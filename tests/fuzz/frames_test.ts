/** Mutated frames into framer, codec and session: 1,000,000 a run, half of them on each runtime. */

import { expect, test } from "bun:test";
import { FRAME_HEADER_BYTES, MAX_PAYLOAD_BYTES } from "../../src/replication/protocol.ts";
import { LONGEST_CHUNK, runFrames } from "./frame_run.ts";
import { OWN_HALF } from "./half.ts";
import { withoutStacks } from "./refusal.ts";

const FRAMES = 500_000;
const SEED = 6;

test("no mutated frame crashes framer, codec or session, and every refusal is a typed error", async () => {
  const report = await withoutStacks(() => runFrames({ seed: SEED, frames: FRAMES, ...OWN_HALF }));
  expect(report.frames).toBeGreaterThanOrEqual(FRAMES);
  // Runs that got nowhere would prove nothing.
  const phases = Object.keys(report.phases).sort();
  expect(phases).toEqual(["catch-up-only", "catching-up", "greeting", "live", "settling"]);
  expect(report.phases.live).toBeGreaterThan(FRAMES / 20);
  expect(report.events).toBeGreaterThan(FRAMES);
  const classes = Object.keys(report.refusals).sort();
  expect(classes).toEqual(["LeaderError", "ProtocolError", "ProtocolVersionError", "ShapeError"]);
  // A frame, and what came with it: no length that a peer names makes it more.
  const most = FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES + LONGEST_CHUNK;
  expect(report.framerHighWater).toBeLessThanOrEqual(most);
  expect(report.longestCaseMs).toBeLessThan(5000);
}, 300_000);
