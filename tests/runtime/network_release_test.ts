import { expect, test } from "bun:test";

import { detectRuntime } from "../../src/runtime/mod.ts";
import { nodeNetwork } from "../../src/runtime/network_node.ts";
import type { Connection, Network } from "../../src/runtime/runtime.ts";
import { OWN_RUNTIME } from "../harness/runtimes.ts";
import { until } from "../harness/until.ts";

const BYTES = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * 31 + (at >> 8)) & 255);

/** A connection that {@link BYTES} are sent to, and what came of them. */
async function receive(
  network: Network,
  onData: (bytes: Uint8Array, near: Connection) => void,
): Promise<void> {
  let received = 0;
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (far) => {
    setImmediate(() => far.write(BYTES));
    return { onData() {}, onClose() {} };
  });
  const near = await network.connect(listener.address, {
    onData(bytes) {
      received += bytes.length;
      onData(bytes, near);
    },
    onClose() {},
  }, 4000);
  await until(() => received === BYTES.length, 4000, "all bytes");
  near.destroy();
  await listener.close();
}

test("what a read brought is released once it was handled, and what waits for its owner is a copy", async () => {
  let released = 0;
  const network = nodeNetwork({
    release(bytes) {
      released += bytes.length;
      bytes.fill(0xee);
    },
  });
  const copy = new Uint8Array(BYTES.length);
  let at = 0;
  await receive(network, (bytes, near) => {
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
  await receive(detectRuntime().network, (bytes) => void reads.push(bytes));
  await until(() => OWN_RUNTIME !== "bun" || reads.at(-1)!.length < 4096, 1000, "the last release");
  const held = new Set(reads.filter(({ length }) => length >= 4096).map(({ buffer }) => buffer));
  expect(held.size).toBe(OWN_RUNTIME === "bun" ? 0 : 1);
});
