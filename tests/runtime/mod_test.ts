import { describe, expect, test } from "bun:test";
import nodeProcess from "node:process";
import { SlotcaskError } from "../../src/errors.ts";
import type { DenoNamespace } from "../../src/runtime/deno.ts";
import { chooseRuntime, detectRuntime, type RuntimeGlobals } from "../../src/runtime/mod.ts";

/** As much of Deno as the choice needs, and an environment in which only HOME may be read. */
function fakeDeno(version: string): DenoNamespace {
  const query = (permission: { name: string; variable?: string; host?: string }) => {
    if (permission.host?.includes("..")) throw new URIError("empty label");
    return { state: permission.variable === "HOME" ? "granted" : "prompt" };
  };
  return {
    version: { deno: version },
    env: { get: (name) => `value of ${name}` },
    openSync: () => {
      throw new Error("not here");
    },
    permissions: { querySync: query, requestSync: query },
  };
}

function refusal(globals: RuntimeGlobals): SlotcaskError {
  try {
    chooseRuntime(globals);
  } catch (error) {
    return error as SlotcaskError;
  }
  throw new Error("It was accepted");
}

describe("detectRuntime", () => {
  test("is the runtime that runs this, the same one each time", () => {
    const runtime = detectRuntime();
    expect(runtime.name).toBe("Deno" in globalThis ? "deno" : "bun");
    expect(runtime.version).toBe(nodeProcess.versions[runtime.name]!);
    expect(detectRuntime()).toBe(runtime);
  });
});

describe("chooseRuntime", () => {
  test("takes Deno 2 and Bun 1, though both have Node's globals", () => {
    const process = { versions: { node: "24.0.0" } };
    expect(chooseRuntime({ Deno: fakeDeno("2.9.6"), process })).toMatchObject({
      name: "deno",
      version: "2.9.6",
    });
    expect(chooseRuntime({ Bun: { version: "1.4.5" }, process })).toMatchObject({
      name: "bun",
      version: "1.4.5",
    });
  });

  test.each([
    [{ process: { versions: { node: "20.20.2" } } }, "Node v20.20.2"],
    [{ Deno: fakeDeno("1.46.3") }, "Deno 1.46.3"],
    [{ Bun: { version: "0.8.1" } }, "Bun 0.8.1"],
    [{}, "neither"],
  ])("refuses all others %#", (globals, name) => {
    const error = refusal(globals);
    expect(error).toBeInstanceOf(SlotcaskError);
    expect(error.remedy).toBe("stop");
    expect(error.message).toBe(`Slotcask runs on Deno 2 and Bun 1; this is ${name}`);
  });
});

describe("Deno's permissions", () => {
  const runtime = chooseRuntime({ Deno: fakeDeno("2.9.6") });

  test("an environment variable that may not be read is unset", () => {
    expect(runtime.process.env("HOME")).toBe("value of HOME");
    expect(runtime.process.env("PATH")).toBeUndefined();
  });

  test("an address that was not permitted is refused before a socket is made", async () => {
    const handlers = { onData() {}, onClose() {} };
    const connecting = runtime.network.connect({ host: "::1", port: 7 }, handlers, 1_000);
    await expect(connecting).rejects.toThrow("connect [::1]:7: Deno was not given --allow-net=[::1]:7");
    const listening = runtime.network.listen({ host: "127.0.0.1", port: 7 }, () => handlers);
    await expect(listening).rejects.toThrow("listen 127.0.0.1:7: Deno was not given --allow-net=127.0.0.1:7");
    const serving = runtime.http.serve({ host: "127.0.0.1", port: 7 }, () => new Response());
    await expect(serving).rejects.toMatchObject({
      code: "EACCES",
      message: "listen 127.0.0.1:7: Deno was not given --allow-net=127.0.0.1:7",
    });
  });

  test("a host that Deno cannot read is an error with a code", async () => {
    const connecting = runtime.network.connect(
      { host: "no..body", port: 7 },
      { onData() {}, onClose() {} },
      1_000,
    );
    await expect(connecting).rejects.toMatchObject({
      code: "EINVAL",
      message: "connect no..body:7: empty label",
    });
  });
});
