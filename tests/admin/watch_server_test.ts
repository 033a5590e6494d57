import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { createAdmin } from "../../admin/app.ts";
import type { AdminOptions } from "../../admin/options.ts";
import { type AdminServer, serveAdmin } from "../../admin/serve.ts";
import type { Change } from "../../src/replica/watch.ts";
import { Leading } from "../cli/leading.ts";
import { PATIENCE_MS, Program } from "../cli/program.ts";
import { until } from "../harness/until.ts";
import { EventReader } from "./event_reader.ts";
import { key, value } from "./following.ts";
import { PushedFollower } from "./pushed_follower.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const IDLE_MS = 30_000;

const servers: AdminServer[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.close();
});

/** An admin on a real server, whose changes the test pushes. */
async function serve(options: AdminOptions = {}) {
  const follower = new PushedFollower();
  const app = createAdmin(follower, options);
  const server = await serveAdmin(app, { address: LOOPBACK, isWanted: true, hasToken: false });
  servers.push(server);
  return { follower, server };
}

/** A watch that has begun. */
async function watch(url: string): Promise<EventReader> {
  const response = await fetch(`${url}v1/watch`, { headers: { connection: "close" } });
  expect(response.status).toBe(200);
  const reader = new EventReader(response.body!);
  expect(await reader.nextOfAny()).toEqual({ event: ":", data: {} });
  return reader;
}

/** A watch over a socket of its own, which reads nothing once the answer has begun. */
async function stall(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  socket.write("GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  return socket;
}

/** The admin's URL, as `follow` prints it. */
async function urlOf(program: Program): Promise<string> {
  await program.says("caught up");
  await until(() => /admin: http\S+/.test(program.out), PATIENCE_MS, program.out);
  return /admin: (http\S+)/.exec(program.out)![1];
}

function follow(leading: Leading): Program {
  return Program.slotcask([
    "follow",
    leading.address,
    "--dir",
    leading.path("replica"),
    "--admin",
    "127.0.0.1:0",
  ]);
}

describe("a watch on a real server", () => {
  test("is freed when its reader leaves", async () => {
    const { follower, server } = await serve();
    const socket = await stall(server.address.port);
    socket.destroy();
    await until(() => follower.watches[0].isOver, 3_000, "the end of the watch");
  });

  test("is dropped when its reader reads nothing, and takes no more than there is room for", async () => {
    const { follower, server } = await serve({ limits: { heartbeatMs: 100 } });
    const socket = await stall(server.address.port);
    let taken = 0;
    for (let id = 0; id < 400; id++) {
      const change: Change = {
        type: "put",
        key: key(id),
        value: new Uint8Array(100_000),
        version: 0,
        shard: 0,
      };
      Object.defineProperty(change, "version", { enumerable: true, get: () => taken++ });
      follower.push(change);
    }
    await until(() => follower.watches[0].isOver, 4_000, "the drop");
    // 200 KB of text each; the system's buffers hold some 4 MB.
    expect(taken).toBeLessThan(100);
    let end = "";
    socket.on("data", (bytes) => end = (end + bytes).slice(-200));
    socket.resume();
    await until(() => end.includes("event: dropped\n"), 4_000, "the last event");
  });

  test("says that it stops before its server ends", async () => {
    const stop = new AbortController();
    const { server } = await serve({ signal: stop.signal });
    const reader = await watch(server.url);
    stop.abort();
    const [events] = await Promise.all([reader.rest(), server.close()]);
    expect(events.map(({ event }) => event)).toEqual(["stopping"]);
  });
});

describe("follow --admin", () => {
  test("stops within 2 s though 10 watches are open, one of which reads nothing", async () => {
    await using leading = await Leading.start(3);
    await using program = follow(leading);
    const url = await urlOf(program);
    const readers = await Promise.all(Array.from({ length: 9 }, () => watch(url)));
    await stall(Number(new URL(url).port));
    const startedAt = performance.now();
    program.kill("SIGTERM");
    const [{ code, err }] = await Promise.all([
      program.ended,
      ...readers.map(async (reader) => {
        expect((await reader.rest()).at(-1)).toEqual({
          event: "stopping",
          data: { reason: "the admin is stopping" },
        });
      }),
    ]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect([code, err]).toEqual([0, ""]);
  }, 20_000);
});

describe("a watch that is idle for 30 s", () => {
  test("survives, with heartbeats and without", async () => {
    await using leading = await Leading.start(3);
    await using program = follow(leading);
    const beating = await watch(await urlOf(program));
    const { follower, server } = await serve({ limits: { heartbeatMs: 2 * IDLE_MS } });
    const silent = await watch(server.url);
    const startedAt = performance.now();
    // The heartbeats are what is awaited: one each 5 s.
    for (let beats = 0; beats < IDLE_MS / 5_000; beats++) {
      expect(await beating.nextOfAny()).toEqual({ event: ":", data: {} });
    }
    expect(performance.now() - startedAt).toBeGreaterThan(IDLE_MS - 2_500);
    leading.store.put(key(1), value(2));
    expect(await beating.next()).toMatchObject({ event: "put", data: { value: value(2).toHex() } });
    follower.push({ type: "delete", key: key(1), shard: 0 });
    expect(await silent.next()).toMatchObject({ event: "delete" });
    await Promise.all([beating.leave(), silent.leave()]);
  }, IDLE_MS + 30_000);
});
