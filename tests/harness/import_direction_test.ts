import { describe, expect, test } from "bun:test";
import { checkFile, checkRepository } from "./import_direction.ts";
import { layerOf } from "./layers.ts";
import { ROOT } from "./runtimes.ts";

test("in this repository imports point down", () => expect(checkRepository(ROOT)).toEqual([]));

describe("checkFile allows", () => {
  test.each([
    ["src/fixed/store.ts", 'import { UsageError } from "../errors.ts";'],
    ["src/fixed/store.ts", 'import type { SlotFile } from "../storage/slot_file.ts";'],
    ["src/fixed/layout.ts", 'import { crc32 } from "./crc32.ts";'],
    ["src/fixed/crc32.ts", 'import { crc32 } from "node:zlib";'],
    ["src/storage/resident.ts", 'import type { Files } from "../runtime/runtime.ts";'],
    ["src/replication/link.ts", 'import { Session } from "./session.ts";'],
    ["src/replication/follower.ts", 'import { Link } from "./link.ts";'],
    ["src/runtime/deno.ts", 'import * as net from "node:net";\nDeno.exit();'],
    [
      "src/follow.ts",
      'import { Store } from "./fixed/store.ts";\nimport { Link } from "./replication/link.ts";',
    ],
    [
      "mod.ts",
      'export { follow } from "./src/follow.ts";\nif (import.meta.main) await import("./src/cli/main.ts");',
    ],
    [
      "src/cli/main.ts",
      'import { getLogger } from "@logtape/logtape";\nimport { follow } from "../../mod.ts";',
    ],
    ["src/fixed/store.ts", "// Deno.open\nconst text = `Bun.file`;\nthis.Deno.x;\nmyDeno.x;"],
  ])("%s: %j", (path, source) => expect(checkFile(path, source)).toEqual([]));
});

describe("checkFile refuses", () => {
  test.each([
    ["src/fixed/store.ts", 'import { X } from "../replication/target.ts";'],
    ["src/fixed/store.ts", 'import { ResidentFile } from "../storage/resident.ts";'],
    ["src/fixed/store.ts", 'import type { Files } from "../runtime/runtime.ts";'],
    ["src/fixed/meta.ts", 'import { Shard } from "./shard.ts";'],
    ["src/storage/resident.ts", 'import { Store } from "../fixed/store.ts";'],
    ["src/storage/resident.ts", 'import { runtime } from "../runtime/runtime.ts";'],
    ["src/storage/resident.ts", 'import * as fs from "node:fs";'],
    ["src/replication/session.ts", 'import { Link } from "./link.ts";'],
    ["src/replication/session.ts", 'import type { Connection } from "../runtime/runtime.ts";'],
    ["src/replication/follower.ts", 'import { Store } from "../fixed/store.ts";'],
    ["src/replication/link.ts", 'import { Follower } from "./follower.ts";'],
    ["src/follow.ts", 'import { main } from "./cli/main.ts";'],
    ["src/follow.ts", 'import { getLogger } from "@logtape/logtape";'],
    ["src/errors.ts", 'import { Store } from "./fixed/store.ts";'],
    ["src/runtime/bun.ts", 'import { Store } from "../fixed/store.ts";'],
    ["mod.ts", 'import { main } from "./src/cli/main.ts";'],
    ["src/cli/main.ts", 'import process from "node:process";'],
    ["src/cli/main.ts", "Deno.exit(1);"],
    ["src/cli/main.ts", 'const b = globalThis.Bun?.version; "Deno.exit";'],
    ["src/elsewhere/a.ts", ""],
  ])("%s: %j", (path, source) => expect(checkFile(path, source)).toHaveLength(1));
});

test("a complaint names the file, the import and the rule", () => {
  expect(checkFile("src/fixed/store.ts", 'import { X } from "../replication/target.ts";')).toEqual([
    "src/fixed/store.ts imports ../replication/target.ts: fixed may not import protocol",
  ]);
});

test("the lowest layers match before the directories that hold them", () => {
  expect(layerOf("src/fixed/meta.ts")?.name).toBe("format");
  expect(layerOf("src/fixed/store.ts")?.name).toBe("fixed");
  expect(layerOf("src/errors.ts")?.name).toBe("shared");
  expect(layerOf("src/follow.ts")?.name).toBe("wiring");
});
