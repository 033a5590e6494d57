import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { Child, runChild } from "../../bench/child.ts";
import { OWN_RUNTIME } from "../harness/runtimes.ts";

const SCRIPT = fileURLToPath(new URL("./children/questions.ts", import.meta.url));

describe("runChild", () => {
  test("answers the last line of output, read as JSON", async () => {
    expect(await runChild(OWN_RUNTIME, SCRIPT, ["once", "x"])).toEqual({ argument: "x" });
  });

  test("a script that fails rejects with what it wrote to standard error", async () => {
    await expect(runChild(OWN_RUNTIME, SCRIPT, ["fail"])).rejects.toThrow("this is why");
  });

  test("a script that says nothing rejects", async () => {
    await expect(runChild(OWN_RUNTIME, SCRIPT, ["silent"])).rejects.toThrow('its last line is ""');
  });
});

describe("Child", () => {
  test("answers questions that overlap, each its own", async () => {
    await using child = new Child(OWN_RUNTIME, SCRIPT, ["serve"]);
    const later = child.ask("later");
    expect(await child.ask<number>("add", 1, 2)).toBe(3);
    expect(await child.ask("nothing")).toBe(null);
    await child.ask("now");
    expect(await later).toBe("later");
    expect(await child.ask("pid")).toBe(child.pid);
    await child.end();
  });

  test("a question that throws, or that there is not, rejects with its name, and the next is answered", async () => {
    await using child = new Child(OWN_RUNTIME, SCRIPT, ["serve"]);
    await expect(child.ask("fail", 7)).rejects.toThrow("fail [7]: Error: this is why");
    await expect(child.ask("unknown")).rejects.toThrow("unknown []: ");
    expect(await child.ask<number>("add", 2, 2)).toBe(4);
  });

  test("what is asked of a process that ends rejects", async () => {
    await using child = new Child(OWN_RUNTIME, SCRIPT, ["serve"]);
    const asked = child.ask("later");
    const settled = asked.then(() => "answered", (error) => error.message);
    await child.ask("add", 1, 1);
    await child.kill();
    expect(await settled).toContain("is gone: it ended with SIGKILL");
    await expect(child.ask("add", 1, 1)).rejects.toThrow("is gone");
  });
});
