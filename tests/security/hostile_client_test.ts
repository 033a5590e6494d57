/** Clients of the admin that mean harm: it goes on answering others, and what they cost it has a limit. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { ask, Following } from "../cli/following.ts";
import { until } from "../harness/until.ts";
import { MIB } from "./limits.ts";

const LIMIT_MS = 60_000;
/** What the memory of the program may grow by in an attack: each sends more, or opens hundreds of connections. */
const MOST_GROWTH = 160 * MIB;
/** How long anybody else waits for an answer meanwhile, in ms. */
const MOST_WAIT_MS = 3000;
const HEAD = "Host: localhost\r\nContent-Type: application/json\r\n";
/** Watches that are open at a time. */
const MOST_WATCHES = 64;

let following: Following;
const sockets: Socket[] = [];

beforeAll(
  async () => void (following = await Following.start({ keys: 100, flags: ["--allow-actions"] })),
  LIMIT_MS,
);
afterAll(() => following[Symbol.asyncDispose]());

/** A connection, and what came back on it. */
class Attacker {
  text = "";
  isClosed = false;
  readonly #socket: Socket;

  constructor() {
    this.#socket = connect(Number(new URL(following.url).port), "127.0.0.1");
    sockets.push(this.#socket);
    this.#socket.on("error", () => {}).on("close", () => this.isClosed = true);
    this.#socket.on("data", (bytes) => this.text = (this.text + bytes).slice(0, 2000));
  }

  /** Sends a text so many times, as long as it is taken and not answered. */
  async send(text: string, times = 1): Promise<void> {
    for (let i = 0; i < times && !this.isClosed && this.text === ""; i++) {
      if (this.#socket.write(text)) continue;
      await until(() => this.isClosed || !this.#socket.writableNeedDrain, MOST_WAIT_MS).catch(() =>
        i = times
      );
    }
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#socket.pause();
  }

  /** The status of the answer; -1 where the connection ended without one. */
  async status(): Promise<number> {
    await until(() => this.text.includes("\r\n") || this.isClosed, LIMIT_MS, "an answer");
    return Number(/^HTTP\/1.1 (\d+)/.exec(this.text)?.[1] ?? -1);
  }
}

function memoryOfProgram(): number {
  return 1024 *
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${following.program.pid}/status`, "utf8"))![1]);
}

/** Attacks; meanwhile and behind it the admin must answer, and its memory stay within the limit. */
async function survive(attack: () => Promise<unknown>): Promise<void> {
  const before = memoryOfProgram();
  try {
    const attacking = attack();
    expect(await healthMs()).toBeLessThan(MOST_WAIT_MS);
    await attacking;
    expect(memoryOfProgram() - before).toBeLessThan(MOST_GROWTH);
  } finally {
    for (const socket of sockets.splice(0)) socket.destroy();
  }
  expect(await healthMs()).toBeLessThan(MOST_WAIT_MS);
  const { status, text } = await ask(`${following.url}status`);
  expect([status, JSON.parse(text).phase]).toEqual([200, "live"]);
}

async function healthMs(): Promise<number> {
  const began = performance.now();
  expect((await ask(`${following.url}healthz`)).status).toBe(200);
  return performance.now() - began;
}

describe.skipIf(process.platform !== "linux")("the admin survives", () => {
  test("hundreds of connections that never finish their request", async () => {
    await survive(async () => {
      const attackers = Array.from({ length: 300 }, () => new Attacker());
      await Promise.all(
        attackers.map((attacker, i) =>
          attacker.send(
            i % 2 === 0
              ? "GET /status HTTP/1.1\r\nX-"
              : `POST /v1/pause HTTP/1.1\r\n${HEAD}Content-Length: 4000\r\n\r\n{`,
          )
        ),
      );
      for (let i = 0; i < 10; i++) await Promise.all(attackers.map((attacker) => attacker.send("a")));
    });
  }, LIMIT_MS);

  test("thousands of headers, and one that is huge", async () => {
    await survive(async () => {
      const many = new Attacker();
      await many.send(`GET /status HTTP/1.1\r\n${HEAD}`);
      await many.send("X-Many: of them\r\n", 20_000);
      await many.send("\r\n");
      const huge = new Attacker();
      await huge.send(`GET /status HTTP/1.1\r\n${HEAD}X-Huge: `);
      await huge.send("a".repeat(65_536), 128);
      for (const attacker of [many, huge]) expect(await attacker.status()).not.toBe(200);
    });
  }, LIMIT_MS);

  test("a URL that is huge", async () => {
    await survive(async () => {
      const attacker = new Attacker();
      await attacker.send("GET /v1/keys?prefix=");
      await attacker.send("0".repeat(65_536), 128);
      await attacker.send(` HTTP/1.1\r\n${HEAD}\r\n`);
      expect(await attacker.status()).not.toBe(200);
    });
  }, LIMIT_MS);

  test("a body that never ends", async () => {
    await survive(async () => {
      const attacker = new Attacker();
      await attacker.send(`POST /v1/pause HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
      await attacker.send(`${(65_536).toString(16)}\r\n${" ".repeat(65_536)}\r\n`, 4096);
      expect(await attacker.status()).toBe(413);
    });
  }, LIMIT_MS);

  test("requests whose answers nobody reads", async () => {
    await survive(async () => {
      const attacker = new Attacker();
      attacker.pause();
      await attacker.send(`GET /metrics HTTP/1.1\r\n${HEAD}\r\n`.repeat(500), 40);
    });
  }, LIMIT_MS);

  test("more watches than there is room for, and gives the room back", async () => {
    await survive(async () => {
      const attackers = Array.from({ length: MOST_WATCHES + 40 }, () => new Attacker());
      await Promise.all(attackers.map((attacker) => attacker.send(`GET /v1/watch HTTP/1.1\r\n${HEAD}\r\n`)));
      const statuses = await Promise.all(attackers.map((attacker) => attacker.status()));
      expect(statuses.filter((status) => status === 200)).toHaveLength(MOST_WATCHES);
      expect(statuses.filter((status) => status === 503)).toHaveLength(40);
    });
    await until(
      async () => {
        const attacker = new Attacker();
        await attacker.send(`GET /v1/watch HTTP/1.1\r\n${HEAD}\r\n`);
        return await attacker.status() === 200;
      },
      MOST_WAIT_MS,
      "room for a watch",
    );
    for (const socket of sockets.splice(0)) socket.destroy();
  }, LIMIT_MS);

  test("and the program says nothing of it but that it was asked", () => {
    expect(following.program.err).toBe("");
    // Who may act is on record, one line for each request.
    const others = following.program.out.split("\n").filter((line) => !line.includes("admin: pause"));
    expect(others.length).toBeLessThan(20);
  });
});
