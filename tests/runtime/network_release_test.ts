import { expect, test } from "bun:test";

import { nodeNetwork } from "../../src/runtime/network_node.ts";
import type { Connection, Network } from "../../src/runtime/runtime.ts";
import { OWN_RUNTIME } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";
import { LOOPBACK, network, pattern, TIMEOUT_MS } from "./network_kit.ts";

const BYTES = pattern(3_000_000);

/** A connection that {@link BYTES} are sent to, and what came of them. */
async function receive(
  using: Network,
  onData: (bytes: Uint8Array, near: Connection) => void,
): Promise<void> {
  let received = 0;
  const listener = await using.listen(LOOPBACK, (far) => {
    setImmediate(() => far.write(BYTES));
    return { onData() {}, onClose() {} };
  });
  const near = await using.connect(listener.address, {
    onData(bytes) {
      received += bytes.length;
      onData(bytes, near);
    },
    onClose() {},
  }, TIMEOUT_MS);
  await until(() => received === BYTES.length, TIMEOUT_MS, "all bytes");
  near.destroy();
  await listener.close();
}

test("what a read brought is released once it was handled, and what waits for its owner is a copy", async () => {
  let released = 0;
  const scribbling = nodeNetwork({
    release(bytes) {
      released += bytes.length;
      bytes.fill(0xee);
    },
  });
  const copy = new Uint8Array(BYTES.length);
  let at = 0;
  await receive(scribbling, (bytes, near) => {
    copy.set(bytes, at);
    at += bytes.length;
    near.pause();
    setImmediate(() => near.resume());
  });
  expect(released).toBe(BYTES.length);
  expect(copy.findIndex((byte, i) => byte !== BYTES[i])).toBe(-1);
});

test("the memory of a large read is free before the next: one buffer for all in Deno, detached ones in Bun", async () => {
  const reads: Uint8Array[] = [];
  await receive(network, (bytes) => void reads.push(bytes));
  await until(() => OWN_RUNTIME !== "bun" || reads.at(-1)!.length < 4096, 1000, "the last release");
  const held = new Set(reads.filter(({ length }) => length >= 4096).map(({ buffer }) => buffer));
  expect(held.size).toBe(OWN_RUNTIME === "bun" ? 0 : 1);
});
