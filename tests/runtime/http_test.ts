import { afterEach, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { errorCode } from "../../src/error_code.ts";
import { stopping } from "../../src/runtime/http.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { HttpHandler, HttpServer } from "../../src/runtime/runtime.ts";
import { rejection } from "../harness/failures.ts";

const { http, name: runtimeName, network } = detectRuntime();
const LOOPBACK = { host: "127.0.0.1", port: 0 };
/** Far longer than a test takes: who waits for it has waited too long. */
const LONG_MS = 60_000;

const servers: HttpServer[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.close(0);
});

/** A server; `asked` resolves with its first request. */
async function serve(handler: HttpHandler) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = await http.serve(LOOPBACK, (request, env) => {
    resolve();
    return handler(request, env);
  });
  servers.push(server);
  const { port } = server.address;
  return { server, port, url: `http://127.0.0.1:${port}/`, asked: promise };
}

/** A request over a socket of its own: what came, and when the connection ended. */
function ask(port: number): { text: () => string; first: Promise<void>; closed: Promise<void> } {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  const first = new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.on("data", (bytes) => text += bytes);
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return { text: () => text, first, closed: new Promise((resolve) => socket.once("close", () => resolve())) };
}

/** An answer that is never done, and who gave it up. */
function endless(): { response: Response; cancelled: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("begun\n")),
    cancel: () => resolve(),
  });
  return { response: new Response(body), cancelled: promise };
}

/** A request whose connection ends with it: fetch would keep it for the next one, beyond the test. */
function fetchOnce(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, headers: { connection: "close" } });
}

/** The status of an answer; "refused" where nobody listens any more. */
async function statusOf(url: string): Promise<number | string> {
  try {
    const response = await fetchOnce(url);
    await response.text();
    return response.status;
  } catch {
    return "refused";
  }
}

describe("http", () => {
  test("answers requests at the address that it tells", async () => {
    const { server, url } = await serve(async (request) =>
      new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`, {
        status: 202,
      })
    );
    expect(server.address.host).toBe("127.0.0.1");
    const response = await fetchOnce(`${url}a/b`, { method: "POST", body: "c" });
    expect([response.status, await response.text()]).toEqual([202, "POST /a/b c"]);
  });

  test("gives the handler what the runtime hands on: Bun its server, Deno who asks", async () => {
    // Read at once: Deno's is gone with the request.
    const { url } = await serve((_, env) => {
      const { timeout, remoteAddr } = env as { timeout?: unknown; remoteAddr?: { hostname: string } };
      return new Response(`${typeof timeout} ${remoteAddr?.hostname}`);
    });
    const given = await (await fetchOnce(url)).text();
    expect(given).toBe(runtimeName === "bun" ? "function undefined" : "undefined 127.0.0.1");
  });

  test.each([
    ["throws", () => {
      throw new Error("a secret");
    }],
    ["rejects", () => Promise.reject(new Error("a secret"))],
    ["throws what is no error", () => {
      throw "a secret";
    }],
  ])("answers 500 where the handler %s, without a word of it, and goes on", async (_, handler) => {
    const { url } = await serve(handler as HttpHandler);
    for (let times = 0; times < 2; times++) {
      const response = await fetchOnce(url);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      expect([response.status, await response.json()]).toEqual([500, {
        error: { code: "internal", message: "Cannot answer: something unexpected happened" },
      }]);
    }
  });

  test("cancels a stream whose reader has left", async () => {
    const { response, cancelled } = endless();
    const { port } = await serve(() => response);
    const request = ask(port);
    await request.first;
    sockets[0].destroy();
    await cancelled;
  });
});

describe("http: what it cannot listen on", () => {
  test("a port that is taken is EADDRINUSE", async () => {
    const { server } = await serve(() => new Response());
    const error = await rejection(http.serve(server.address, () => new Response()));
    expect(errorCode(error)).toBe("EADDRINUSE");
  });

  test("an address of another machine is EADDRNOTAVAIL", async () => {
    const error = await rejection(http.serve({ host: "192.0.2.1", port: 0 }, () => new Response()));
    expect(errorCode(error)).toBe("EADDRNOTAVAIL");
  });

  test("a host that does not resolve is not a port that is taken", async () => {
    const taken = await network.listen(LOOPBACK, () => ({ onData() {}, onClose() {} }));
    const host = `${"x".repeat(64)}.test`;
    const error = await rejection(http.serve({ host, port: taken.address.port }, () => new Response()));
    await taken.close();
    expect(errorCode(error)).toBe("ENOTFOUND");
  });
});

describe("http: close", () => {
  test("is told as JSON to who comes meanwhile, and whose connection then ends", async () => {
    const response = stopping();
    expect([response.status, response.headers.get("connection")]).toEqual([503, "close"]);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await response.json()).toEqual({
      error: { code: "stopping", message: "Cannot answer: the server is stopping" },
    });
  });

  test("is done at once where nothing is being answered, and frees the port", async () => {
    const { server, port } = await serve(() => new Response("once"));
    const kept = ask(port);
    await kept.first;
    await Promise.all([server.close(LONG_MS), kept.closed]);
    const again = await http.serve(server.address, () => new Response());
    await again.close(LONG_MS);
    expect(again.address).toEqual(server.address);
  });

  test("waits for an answer that has begun", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { server, port, asked } = await serve(() => promise);
    const request = ask(port);
    await asked;
    const closing = server.close(LONG_MS);
    resolve(new Response("the end"));
    await closing;
    await request.closed;
    expect(request.text()).toContain("the end");
  });

  test("begins no more answers meanwhile", async () => {
    const { response } = endless();
    let calls = 0;
    const { server, url, port } = await serve(() => {
      calls++;
      return response;
    });
    const request = ask(port);
    await request.first;
    const closing = server.close(50);
    const status = await statusOf(url);
    expect([503, "refused"]).toContain(status);
    expect(calls).toBe(1);
    await closing;
  });

  test("cuts off a stream that goes on for ever, and cancels it", async () => {
    const { response, cancelled } = endless();
    const { server, port } = await serve(() => response);
    const request = ask(port);
    await request.first;
    await Promise.all([server.close(20), request.closed, cancelled]);
    expect(request.text()).toContain("begun");
  });

  test("cuts off an answer that never comes", async () => {
    const { port, server, asked } = await serve(() => new Promise(() => {}));
    const request = ask(port);
    await asked;
    await Promise.all([server.close(20), request.closed]);
    expect(request.text()).toBe("");
  });

  test("the second call waits for the first", async () => {
    const { server } = await serve(() => new Response());
    expect(server.close(20)).toBe(server.close(LONG_MS));
    await server.close(20);
  });
});
