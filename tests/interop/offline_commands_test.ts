import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { command as dump } from "../../src/cli/dump.ts";
import { command as get } from "../../src/cli/get.ts";
import { command as inspect } from "../../src/cli/inspect.ts";
import { command as verify } from "../../src/cli/verify.ts";
import { openStore } from "../../mod.ts";
import { runCommand } from "../cli/run_command.ts";
import { contentsOf, files, keyOf, SHAPE, temporaryDirectory, valueOf } from "../directory/sample.ts";
import { ArmdbPeer, fillKey } from "./armdb_peer.ts";
import { canRun, LIMIT_MS, VERSIONS } from "./stage.ts";

for (const version of VERSIONS) {
  describe.skipIf(!canRun)(`offline commands and armdb of protocol ${version}`, () => {
    let root: string;
    let directory: string;
    beforeEach(() => {
      root = temporaryDirectory();
      directory = `${root}/armdb`;
    });
    afterEach(() => files.remove(root));

    async function armdbDump(peer: ArmdbPeer): Promise<string> {
      await peer.command(`dump ${root}/dump`);
      return new TextDecoder().decode(files.readFile(`${root}/dump`));
    }

    async function expectServed(expected: string, keys: number): Promise<void> {
      const before = contentsOf(directory);
      const { out } = await runCommand(dump, [directory]);
      expect(out === expected).toBe(true);
      const verified = await runCommand(verify, [directory, "--json"]);
      expect(JSON.parse(verified.out)).toMatchObject({
        damage: { total: 0 },
        unsettled: { total: 0 },
        occupied: keys,
      });
      expect(verified.code).toBe(0);
      const line = expected.slice(0, expected.indexOf("\n"));
      const [key, value] = line.split(" ");
      expect(await runCommand(get, [directory, key])).toEqual({ code: 0, out: `${value}\n`, err: "" });
      expect(contentsOf(directory)).toEqual(before);
    }

    test.each([["8x16", 2, 0], ["3x5", 3, 0], ["16x100", 4, 13], ["100x20", 1, 0], ["8x0", 5, 0]] as const)(
      "read armdb's directory of %s while it is open, clean, and after a crash",
      async (shape, shards, prefixBits) => {
        const open = `open ${directory} ${shape} ${shards} ${prefixBits} 512`;
        await using peer = await ArmdbPeer.start(version);
        await peer.command(open);
        await peer.command("fill 3000 5");
        expect(Number(await peer.command("burst 3000 4000 5 40"))).toBeGreaterThan(1000);
        const keys = Number(await peer.command("len"));
        const expected = await armdbDump(peer);
        const live = JSON.parse((await runCommand(inspect, [directory, "--json"])).out);
        expect(live).toMatchObject({ live: version === 2, clean: false, slots: { occupied: keys } });
        expect((await runCommand(dump, [directory])).out === expected).toBe(true);
        await peer.command("close");
        const closed = JSON.parse((await runCommand(inspect, [directory, "--json"])).out);
        expect(closed).toMatchObject({ live: false, clean: true, slots: live.slots });
        await expectServed(expected, keys);
        await peer.command(open);
        await peer.command(
          "put " + `${fillKey(shape, 1, 77_777).toHex()} ${"ab".repeat(valueLength(shape))}`,
        );
        const after = await armdbDump(peer);
        expect(after).not.toBe(expected);
        const keysAfter = Number(await peer.command("len"));
        await peer.crash();
        expect(JSON.parse((await runCommand(inspect, [directory, "--json"])).out).clean).toBe(false);
        await expectServed(after, keysAfter);
      },
      LIMIT_MS,
    );

    test("dump ours as armdb does", async () => {
      const store = await openStore(directory, SHAPE);
      for (let i = 0; i < 2000; i++) store.put(keyOf(i), valueOf(i));
      for (let i = 0; i < 2000; i += 3) store.delete(keyOf(i));
      expect(await store.close()).toEqual([]);
      const { out } = await runCommand(dump, [directory]);
      await using peer = await ArmdbPeer.start(version);
      expect(await peer.command(`open ${directory} 8x16 2 0 512`)).toBe("1333");
      expect(out === await armdbDump(peer)).toBe(true);
    }, LIMIT_MS);

    test("verify a directory that armdb writes meanwhile, and find no damage", async () => {
      await using peer = await ArmdbPeer.start(version);
      await peer.command(`open ${directory} 8x100 2 0 4096`);
      await peer.command("fill 20000 5");
      await peer.command("churn 0 0 20000 6 30");
      for (let i = 0; i < 5; i++) {
        const { code, out } = await runCommand(verify, [directory, "--json"]);
        const report = JSON.parse(out);
        expect(report.live).toBe(version === 2);
        if (version === 2) expect([code, report.damage.total]).toEqual([0, 0]);
        expect((await runCommand(dump, [directory])).code).toBe(0);
      }
      expect(Number(await peer.command("stop-churn"))).toBeGreaterThan(1000);
      await peer.command("close");
      expect((await runCommand(verify, [directory])).code).toBe(0);
    }, LIMIT_MS);
  });
}

function valueLength(shape: string): number {
  return Number(shape.split("x")[1]);
}
