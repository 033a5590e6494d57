import { describe, expect, test } from "bun:test";
import nodeProcess from "node:process";
import { detectRuntime } from "../../src/runtime/mod.ts";
import { type Child, isInstalled, run, script, start } from "./child.ts";

const { process } = detectRuntime();
const HERE = nodeProcess.execPath;

function cases(name: string, args: string[] = []): string[] {
  return script(HERE, "process_cases", [name, ...args]);
}

/** Not ChildProcess.kill: Deno's sends one signal only. */
function signal(child: Child, name: "SIGINT" | "SIGTERM"): void {
  nodeProcess.kill(child.process.pid!, name);
}

/** Waits for a child that should end, and kills it if the test failed before. */
async function ended(child: Child, act: () => Promise<void>) {
  try {
    await act();
  } catch (error) {
    child.process.kill("SIGKILL");
    await child.ended;
    throw error;
  }
  return await child.ended;
}

describe("process", () => {
  test("knows itself", () => {
    expect(process.pid).toBe(nodeProcess.pid);
    expect(process.residentBytes()).toBeGreaterThan(1_000_000);
    expect(process.columns()).toBeGreaterThan(0);
  });

  test("has the arguments after the program's name", async () => {
    expect(JSON.parse((await run(cases("args", ["--flag", "a b"]))).out)).toEqual(["args", "--flag", "a b"]);
  });

  test("reads one environment variable", async () => {
    expect((await run(cases("env", ["PATH"]))).out).toBe(nodeProcess.env.PATH!);
    expect((await run(cases("env", ["SLOTCASK_NOT_SET_ANYWHERE"]))).out).toBe("unset");
  });

  test("sets the code that it ends with by itself", async () => {
    expect(await run(cases("exitCode"))).toEqual({ code: 3, signal: null, out: "", err: "" });
  });
});

describe("process: output", () => {
  test("is whole and in order, though the process ends at once", async () => {
    const { code, out, err } = await run(cases("flood"));
    const lines = out.split("\n").slice(0, -1);
    expect(lines.length).toBe(20_000);
    expect(lines.every((line, at) => line === `${at} ${"x".repeat(200)}`)).toBe(true);
    expect([code, err]).toEqual([0, ""]);
  });

  test("takes a text larger than a pipe holds", async () => {
    const { code, out } = await run(cases("oneLargeText"));
    const lines = out.split("\n").slice(0, -1);
    expect(lines.length).toBe(50_000);
    expect(lines.every((line, at) => line === `line ${at}`)).toBe(true);
    expect(code).toBe(5);
  });

  test("ends the process quietly when nobody reads it any more", async () => {
    const child = start(cases("endless"));
    const { code, err } = await ended(child, async () => {
      expect(await child.line()).toBe("again and again");
      child.process.stdout!.destroy();
    });
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  test("asks a process that listens for signals to stop when nobody reads it any more", async () => {
    const child = start(cases("endlessWithStop"));
    const { code, err } = await ended(child, async () => {
      expect(await child.line()).toBe("again and again");
      child.process.stdout!.destroy();
    });
    expect({ code, err }).toEqual({ code: 0, err: "stopped by SIGTERM\n" });
  });

  test("to a pipe is no terminal", async () => {
    expect((await run(cases("terminal"))).out).toBe("false false 80\n");
  });

  test.if(isInstalled("script"))("to a terminal is one, and has its columns", async () => {
    const command = cases("terminal").map((part) => `'${part}'`).join(" ");
    const { out } = await run(["script", "-qec", `stty cols 123; ${command}`, "/dev/null"]);
    expect(out.trim()).toBe("true true 123");
  });
});

describe("process: stop signals", () => {
  test("are told, and stop being told", async () => {
    const child = start(cases("signals"));
    const { code, err } = await ended(child, async () => {
      expect(await child.line()).toBe("ready");
      signal(child, "SIGINT");
      expect(await child.line()).toBe("SIGINT");
      signal(child, "SIGINT");
      expect(await child.line()).toBe("SIGINT");
      signal(child, "SIGTERM");
      expect(await child.line()).toBe("SIGTERM");
    });
    expect({ code, err }).toEqual({ code: 7, err: "" });
  });

  test("do not keep the process alive", async () => {
    expect(await run(cases("listenOnly"))).toEqual({ code: 0, signal: null, out: "", err: "" });
  });

  test("have their usual effect when nobody listens any more", async () => {
    const child = start(cases("signalsOff"));
    const result = await ended(child, async () => {
      expect(await child.line()).toBe("ready");
      signal(child, "SIGTERM");
      expect(await child.line()).toBeUndefined();
    });
    expect(result).toMatchObject({ signal: "SIGTERM", code: null });
  });
});
