import { describe, expect, test } from "bun:test";

import { ConnectionError } from "../../mod.ts";
import { fillKey, fillValue } from "./armdb_peer.ts";
import { dumpText } from "./equal.ts";
import { canRun, expectEqual, LIMIT_MS, Stage, VERSIONS } from "./stage.ts";

/** A service must be up so soon. */
const AT_ONCE_MS = 1000;

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`no leader there, armdb of protocol ${version}`, () => {
    test.each(["clean", "after a crash of its own"])(
      "a complete directory is served at once: %s",
      async (state) => {
        await using stage = new Stage();
        const leader = await stage.leader(version, { shards: 3, fill: 20_000 });
        const first = await stage.follow(leader.address);
        await first.caughtUp();
        const dump = await leader.dump();
        await first.close();
        if (state !== "clean") {
          // Opened and left: the flag is clear, every slot is read again.
          const visitor = await stage.leader(version, { name: "replica", shards: 3, listen: false });
          await visitor.peer.crash();
        }
        expect(await leader.reaches("catchup_slots_scanned", 20_000)).toBe(20_000);
        await leader.peer.crash();

        const startedAt = performance.now();
        const follower = await stage.follow(leader.address);
        const value = follower.get(fillKey("8x16", 1, 7));
        expect(performance.now() - startedAt).toBeLessThan(AT_ONCE_MS);
        expect(value).toEqual(fillValue("8x16", 1, 7));
        expect(follower.get(fillKey("8x16", 2, 7))).toBeUndefined();
        expect(follower.status()).toMatchObject({ complete: true, keys: 20_000, error: null });
        expect(["connecting", "backing-off"]).toContain(follower.status().phase);
        expect(dumpText(follower.entries())).toBe(dump);

        const again = await stage.leader(version, { shards: 3, listen: leader.address });
        await follower.caughtUp();
        await expectEqual(again, follower);
      },
      LIMIT_MS,
    );
  });
}

describe.skipIf(!canRun)("a fresh directory and no leader", () => {
  test.each(["closed", "deaf"])("rejects in connectTimeoutMs, port %s", async (port) => {
    await using stage = new Stage();
    const proxy = await stage.proxy((await stage.leader(2)).address);
    const { address } = proxy;
    if (port === "closed") await proxy.close();
    else proxy.pause();
    const startedAt = performance.now();
    const error = await stage.follow(address, { connectTimeoutMs: 300 }).then(() => undefined, (e) => e);
    const tookMs = performance.now() - startedAt;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain(`Cannot learn the shape from ${address} within 300 ms`);
    expect(tookMs).toBeGreaterThanOrEqual(295);
    expect(tookMs).toBeLessThan(2000);
    // It left no lock behind: the directory can be used at once.
    const leader = await stage.leader(1, { name: "other", fill: 10 });
    const follower = await stage.follow(leader.address);
    await follower.caughtUp();
    expect(follower.size).toBe(10);
    expect(await leader.reaches("catchup_slots_scanned", 10)).toBe(10);
  }, LIMIT_MS);
});
