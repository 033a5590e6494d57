import { describe, expect, test } from "bun:test";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { denoProgram, run, script } from "./child.ts";

const { files, network } = detectRuntime();

describe("Deno's permissions of a follower", () => {
  test.skipIf(denoProgram === undefined)("are the directory and the leader, and nothing else", async () => {
    const directory = files.makeTemporaryDirectory("slotcask-permissions-");
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      connection.write(Uint8Array.of(1));
      connection.end();
      return { onData() {}, onClose() {} };
    });
    const { host, port } = listener.address;
    const [program, runs, noPrompt, , path] = script(denoProgram!, "few_permissions");
    const allowed = [
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      `--allow-net=${host}:${port}`,
    ];
    const { code, out, err } = await run(
      [program, runs, noPrompt, ...allowed, path, directory, host, `${port}`],
    );
    await listener.close();
    files.remove(directory);
    expect(err).toBe("");
    expect(out.split("\n")).toEqual([
      "locked",
      "files db.lock db.meta shard_000",
      "env unset",
      "process true true false 80",
      "connected",
      "data",
      "connect connect 127.0.0.1:1: Deno was not given --allow-net=127.0.0.1:1",
      "listen listen 127.0.0.1:2: Deno was not given --allow-net=127.0.0.1:2",
      "",
    ]);
    expect(code).toBe(0);
  }, 20_000);
});
