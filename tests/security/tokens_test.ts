/** The admin's token is in nothing that the program says, wherever it came from and whatever is asked of it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { adminUrl } from "../cli/following.ts";
import { Leading } from "../cli/leading.ts";
import { Program } from "../cli/program.ts";

/** No text of the product has a part of it. */
const TOKEN = "Xq7-zebra_Wv9kumquat+Jp4";
/** So much of it in a row must not be seen. */
const PART = 6;
const LIMIT_MS = 60_000;

/** The parts of the token that a text has. */
function partsIn(text: string): string[] {
  const parts = Array.from({ length: TOKEN.length - PART + 1 }, (_, i) => TOKEN.slice(i, i + PART));
  return parts.filter((part) => text.toLowerCase().includes(part.toLowerCase()));
}

/** How a token is given: more arguments and variables; `file` writes a file in the test's folder. */
type Source = (
  file: (name: string, text: string) => string,
) => { args?: string[]; env?: Record<string, string> };

const SOURCES: [string, Source][] = [
  ["--admin-token", () => ({ args: ["--admin-token", TOKEN] })],
  ["--admin-token-file", (file) => ({ args: ["--admin-token-file", file("t", `${TOKEN}\n`)] })],
  ["SLOTCASK_ADMIN_TOKEN", () => ({ env: { SLOTCASK_ADMIN_TOKEN: TOKEN } })],
  ["SLOTCASK_ADMIN_TOKEN_FILE", (file) => ({ env: { SLOTCASK_ADMIN_TOKEN_FILE: file("t", TOKEN) } })],
  [
    "admin-token of the config file",
    (file) => ({ args: ["--config", file("c.json", JSON.stringify({ "admin-token": TOKEN }))] }),
  ],
  [
    "admin-token-file of the config file",
    (file) => ({
      args: ["--config", file("c.json", JSON.stringify({ "admin-token-file": file("t", TOKEN) }))],
    }),
  ],
];

let leading: Leading;

beforeAll(async () => void (leading = await Leading.start(10)));
afterAll(() => leading[Symbol.asyncDispose]());

/** Writes files into a folder of its own. */
function writer(folder: string): (name: string, text: string) => string {
  mkdirSync(leading.path(folder));
  return (name, text) => {
    const path = leading.path(`${folder}/${name}`);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
}

const GOOD = { authorization: `Bearer ${TOKEN}` };

/** What is asked with the token, as it should be. */
const PROPER: [string, RequestInit][] = [
  ["status", { headers: GOOD }],
  ["metrics", { headers: GOOD }],
  ["openapi.json", { headers: GOOD }],
  ["v1/keys", { headers: GOOD }],
  ["v1/nothing", { headers: GOOD }],
  ["v1/resume", { headers: GOOD, method: "POST" }],
  ["v1/rescan", { headers: GOOD, method: "POST", body: '{"shard": 99}' }],
];

/** What is asked with it in other places, or almost with it: the answers may repeat what was asked, but no log may. */
const HOSTILE: [string, RequestInit][] = [
  [`status?token=${TOKEN}`, {}],
  [`v1/keys/${TOKEN}`, {}],
  ["status", { headers: { authorization: `Basic ${TOKEN}` } }],
  ["status", { headers: { authorization: `Bearer ${TOKEN}x` } }],
  ["status", { headers: { authorization: `Bearer ${TOKEN.slice(0, -1)}` } }],
  ["status", { headers: { authorization: TOKEN } }],
  ["status", { headers: { cookie: `token=${TOKEN}` } }],
  ["v1/rescan", { method: "POST", body: TOKEN }],
  [`v1/${TOKEN}`, { headers: GOOD, method: "POST" }],
  ["v1/rescan", { headers: GOOD, method: "POST", body: TOKEN }],
  ["v1/resume", { headers: GOOD, method: "POST", body: JSON.stringify({ token: TOKEN }) }],
  ["v1/retarget", { headers: GOOD, method: "POST", body: JSON.stringify({ leader: TOKEN }) }],
  ["v1/resume", {
    headers: { ...GOOD, "origin": TOKEN, "sec-fetch-site": "none" },
    method: "POST",
  }],
];

/** The text of an answer, headers and all. */
async function ask(url: string, [path, { headers, ...init }]: [string, RequestInit]): Promise<string> {
  const all = {
    "content-type": "application/json",
    ...headers as Record<string, string>,
    connection: "close",
  };
  const answer = await fetch(url + path, { ...init, headers: all });
  return `${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`;
}

describe("follow tells nothing of a token", () => {
  test.each(SOURCES)("that came by %s", async (name, source) => {
    const number = SOURCES.findIndex(([each]) => each === name);
    const { args = [], env = {} } = source(writer(`source-${number}`));
    const flags = ["--dir", leading.path(`replica-${number}`), "--admin", ":0", ...args];
    const log = ["--log", number % 2 === 0 ? "text" : "json"];
    await using program = Program.slotcask(["follow", leading.address, ...flags, ...log], {
      env: { SLOTCASK_DEBUG: "1", ...env },
    });
    const url = /^http:\/\/[\d.:]+\//.exec(await adminUrl(program))![0];
    await program.says("caught up");
    for (const each of PROPER) expect([each[0], partsIn(await ask(url, each))]).toEqual([each[0], []]);
    expect(await ask(url, PROPER[0])).toMatch(/^200 /);
    for (const each of HOSTILE) await ask(url, each);
    program.kill("SIGTERM");
    const { code, out, err } = await program.ended;
    expect([code, partsIn(out + err)]).toEqual([0, []]);
    expect(out).toContain("resume done");
  }, LIMIT_MS);
});

/** Tokens that cannot be used, and requests that fail: the error must not repeat them. */
const FAILURES: [
  string,
  (file: (name: string, text: string) => string) => { args: string[]; env?: Record<string, string> },
][] = [
  ["a token with a space", () => ({ args: ["follow", ":1", "--admin-token", `${TOKEN} ${TOKEN}`] })],
  [
    "two tokens",
    (file) => ({ args: ["follow", ":1", "--admin-token", TOKEN, "--admin-token-file", file("t", TOKEN)] }),
  ],
  [
    "a variable with a line end",
    () => ({ args: ["follow", ":1"], env: { SLOTCASK_ADMIN_TOKEN: `${TOKEN}\n` } }),
  ],
  [
    "a file of two lines",
    (file) => ({ args: ["follow", ":1", "--admin-token-file", file("t", `${TOKEN}\n${TOKEN}\n`)] }),
  ],
  [
    "a config file that is no JSON",
    (file) => ({ args: ["follow", ":1", "--config", file("c.json", `{"admin-token": "${TOKEN}`)] }),
  ],
  [
    "a config file whose token is a list",
    (file) => ({ args: ["follow", ":1", "--config", file("c.json", `{"admin-token": ["${TOKEN}"]}`)] }),
  ],
  ["a client of nobody", () => ({ args: ["status", "--admin", "127.0.0.1:1", "--admin-token", TOKEN] })],
  [
    "a client whose URL holds it",
    () => ({ args: ["ctl", "pause", "--admin", `http://${TOKEN}@127.0.0.1:1/`] }),
  ],
  [
    "a client whose URL asks with it",
    () => ({ args: ["ctl", "pause", "--admin", `http://127.0.0.1:1/?token=${TOKEN}`] }),
  ],
];

test("no error repeats a token", async () => {
  const ends = await Promise.all(FAILURES.map(async ([name, failure], i) => {
    const { args, env = {} } = failure(writer(`failure-${i}`));
    await using program = Program.slotcask(args, { env: { SLOTCASK_DEBUG: "1", ...env } });
    const { code, out, err } = await program.ended;
    return { name, hasFailed: (code ?? 0) > 0 && err !== "", parts: partsIn(out + err) };
  }));
  expect(ends).toEqual(FAILURES.map(([name]) => ({ name, hasFailed: true, parts: [] })));
}, LIMIT_MS);
