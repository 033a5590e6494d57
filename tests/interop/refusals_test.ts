import { describe, expect, test } from "bun:test";

import { ProtocolVersionError, ShapeError } from "../../mod.ts";
import { until } from "../harness/until.ts";
import { dumpText } from "./equal.ts";
import { canRun, expectEqual, LIMIT_MS, SOON_MS, Stage, untilPhase, untilSame, VERSIONS } from "./stage.ts";

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`what armdb of protocol ${version} refuses, or we do`, () => {
    test("a protocol version that is fixed to the other", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { fill: 100 });
      const other = version === 1 ? 2 : 1;
      const error = await stage.follow(leader.address, { protocol: other }).then(() => undefined, (e) => e);
      expect(error).toBeInstanceOf(ProtocolVersionError);
      expect(error.message).toContain(`version is ${version} at the leader, and ${other} here`);
      expect(error.remedy).toBe("stop");

      const follower = await stage.follow(leader.address, { protocol: version });
      await follower.caughtUp();
      await expectEqual(leader, follower);
      expect(await leader.reaches("catchup_slots_scanned", 100)).toBe(100);
    }, LIMIT_MS);

    test("a protocol version that is wrong once the directory is there", async () => {
      await using stage = new Stage();
      const leader = await stage.leader(version, { fill: 100 });
      await using first = await stage.follow(leader.address);
      await first.caughtUp();
      await first.close();
      const other = version === 1 ? 2 : 1;
      const follower = await stage.follow(leader.address, { protocol: other });
      await expect(follower.closed).rejects.toBeInstanceOf(ProtocolVersionError);
      await expect(follower.caughtUp()).rejects.toBeInstanceOf(ProtocolVersionError);
      expect(follower.status().phase).toBe("stopped");
      expect(follower.status().error!.message).toContain(`is ${version} at the leader, and ${other} here`);
      expect(dumpText(follower.entries())).toBe(await leader.dump());
    }, LIMIT_MS);

    const others = [
      { field: /value/i, both: ["16", "100"], shape: "8x100", shards: 2, prefixBits: 9 },
      { field: /key/i, both: ["8", "16"], shape: "16x16", shards: 2, prefixBits: 9 },
      { field: /shard/i, both: ["2", "3"], shape: "8x16", shards: 3, prefixBits: 9 },
      { field: /prefix/i, both: ["9", "11"], shape: "8x16", shards: 2, prefixBits: 11 },
    ] as const;
    test.each([...others])("a directory of another shape: $field", async (row) => {
      await using stage = new Stage();
      const { field, both, ...start } = row;
      const first = await stage.leader(version, { shards: 2, prefixBits: 9, fill: 50 });
      const leader = await stage.leader(version, { ...start, fill: 50, name: "other" });
      const before = await stage.follow(first.address);
      await before.caughtUp();
      await before.close();

      const follower = await stage.follow(leader.address, { dir: "replica" });
      const error = await follower.closed.then(() => undefined, (e) => e);
      expect(error).toBeInstanceOf(ShapeError);
      expect(error.message).toMatch(field);
      for (const value of both) expect(error.message).toMatch(new RegExp(`\\b${value}\\b`));
      // What is there is served on, untouched.
      expect(dumpText(follower.entries())).toBe(await first.dump());
      expect(await first.reaches("catchup_slots_scanned", 50)).toBe(50);
      await follower.close();
    }, LIMIT_MS);
  });
}

describe.skipIf(!canRun)("two followers on one shard", () => {
  test("protocol 1: the second is catch-up-only, kept fresh by scans", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(1, { fill: 500 });
    const first = await stage.follow(leader.address);
    await first.caughtUp();
    const second = await stage.follow(leader.address, {
      dir: "second",
      rescanMs: 200,
      times: { catchUpOnlyMs: 500 },
    });
    await untilPhase(second, "catch-up-only");
    const written = Number(await leader.command("burst 300 700 1 30"));
    await expectEqual(leader, first);
    await expectEqual(leader, second, { otherMetas: false });
    expect(first.status().phase).toBe("live");
    expect(first.status().shards[0].scans.whole).toBe(1);
    await until(() => second.status().shards[0].scans.whole >= 2, SOON_MS, "a second scan");
    expect(await leader.reaches("streaming_events_sent", written)).toBe(written);
  }, LIMIT_MS);

  test("protocol 2: the second is refused, waits, and takes over when the first leaves", async () => {
    await using stage = new Stage();
    const leader = await stage.leader(2, { fill: 500 });
    const first = await stage.follow(leader.address);
    await first.caughtUp();
    await untilPhase(first, "live");
    const second = await stage.follow(leader.address, { dir: "second" });
    await until(() => second.status().phase === "backing-off", SOON_MS);
    await until(() => stage.ends("already-streaming") >= 3, SOON_MS);
    const [shard] = second.status().shards;
    expect(shard.error!.message).toContain("shard already streaming");
    expect(shard.scans.whole).toBe(0);
    expect(second.status().complete).toBe(false);
    await leader.command("burst 300 700 1 30");
    await untilSame(leader, first);
    expect(first.status().phase).toBe("live");

    await first.close();
    await untilPhase(second, "live");
    const streamed = await leader.metric("streaming_events_sent");
    const written = Number(await leader.command("burst 300 700 2 30"));
    await expectEqual(leader, second, { otherMetas: false });
    await leader.reaches("streaming_events_sent", streamed + written);
    expect(second.status().error).toBeNull();
  }, LIMIT_MS);
});
