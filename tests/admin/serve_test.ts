import { afterEach, describe, expect, test } from "bun:test";
import { type AdminServer, serveAdmin, type ServeAdminOptions, serveOn } from "../../admin/serve.ts";
import { errorWithCode } from "../../src/error_code.ts";
import { ConnectionError, PermissionError, UsageError } from "../../src/errors.ts";
import { detectRuntime } from "../../src/runtime/mod.ts";
import type { Address, Http, Runtime } from "../../src/runtime/runtime.ts";
import { rejection } from "../harness/failures.ts";

const runtime = detectRuntime();
const LOOPBACK = { host: "127.0.0.1", port: 0 };
const admin = { fetch: (request: Request) => new Response(new URL(request.url).pathname) };

const servers: AdminServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** On this runtime, or on a fake one. */
async function serve(
  { runtime, ...rest }: Partial<ServeAdminOptions> & { runtime?: Runtime } = {},
): Promise<AdminServer> {
  const options = { address: LOOPBACK, isWanted: true, hasToken: false, ...rest };
  const server =
    await (runtime === undefined ? serveAdmin(admin, options) : serveOn(runtime, admin, options));
  servers.push(server);
  return server;
}

/** A runtime whose HTTP listens where it may, and remembers where it was asked to. */
function fakeRuntime(
  serve: (address: Address) => void,
  flag?: (address: Address) => string | undefined,
): { runtime: Runtime; asked: Address[] } {
  const asked: Address[] = [];
  const http: Http = {
    // deno-lint-ignore require-await -- what it throws is a rejection
    serve: async (address) => {
      asked.push(address);
      serve(address);
      return { address: { host: address.host, port: address.port || 40_000 }, close: async () => {} };
    },
  };
  const network = { ...runtime.network, missingPermission: (address: Address) => flag?.(address) };
  return { runtime: { ...runtime, http, network }, asked };
}

describe("serveAdmin", () => {
  test("serves the admin at its URL", async () => {
    const { url, address } = await serve();
    expect(url).toBe(`http://127.0.0.1:${address.port}/`);
    const response = await fetch(`${url}healthz`, { headers: { connection: "close" } });
    expect(await response.text()).toBe("/healthz");
  });

  test("takes a free port where its own is taken and nobody asked for it", async () => {
    const { address } = await serve();
    const other = await serve({ address, isWanted: false });
    expect(other.address.host).toBe("127.0.0.1");
    expect(other.address.port).not.toBe(address.port);
  });

  test("refuses where a port that was asked for is taken", async () => {
    const { address } = await serve();
    const error = await rejection(serve({ address })) as ConnectionError;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.remedy).toBe("stop");
    expect(error.message).toBe(`Cannot serve the admin on 127.0.0.1:${address.port}: the port is taken`);
  });

  test("does not hide another failure behind a free port", async () => {
    const { runtime, asked } = fakeRuntime(() => {
      throw errorWithCode("no such address", "EADDRNOTAVAIL");
    });
    const error = await rejection(serve({ runtime, isWanted: false, address: { host: "::1", port: 9464 } }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toBe("Cannot serve the admin on [::1]:9464: no such address");
    expect(asked).toHaveLength(1);
  });

  test("names the flag that Deno was not given", async () => {
    const { runtime } = fakeRuntime(({ host, port }) => {
      throw errorWithCode(`Deno was not given --allow-net=${host}:${port}`, "EACCES");
    }, ({ host, port }) => `--allow-net=${host}:${port}`);
    const error = await rejection(serve({ runtime, address: { host: "127.0.0.1", port: 9464 } }));
    expect(error).toBeInstanceOf(PermissionError);
    expect(error.message).toBe(
      "Cannot serve the admin on 127.0.0.1:9464: Deno was not given --allow-net=127.0.0.1:9464",
    );
  });

  test("does not even ask for an address that nobody asked for", async () => {
    const { runtime, asked } = fakeRuntime(() => {}, ({ host, port }) => `--allow-net=${host}:${port}`);
    const address = { host: "127.0.0.1", port: 9464 };
    const error = await rejection(serve({ runtime, isWanted: false, address }));
    expect(error).toBeInstanceOf(PermissionError);
    expect(asked).toEqual([]);
  });

  test("names the flag for the free port, without asking", async () => {
    const { runtime, asked } = fakeRuntime(() => {
      throw errorWithCode("taken", "EADDRINUSE");
    }, ({ host, port }) => port === 0 ? `--allow-net=${host}:${port}` : undefined);
    const address = { host: "127.0.0.1", port: 9464 };
    const error = await rejection(serve({ runtime, isWanted: false, address }));
    expect(error).toBeInstanceOf(PermissionError);
    expect(error.message).toBe(
      "Cannot serve the admin on 127.0.0.1:9464: the port is taken, and Deno was not given " +
        "--allow-net=127.0.0.1:0 for a free one",
    );
    expect(asked.map(({ port }) => port)).toEqual([9464]);
  });

  test("calls a port that the system refuses no missing flag", async () => {
    const { runtime } = fakeRuntime(() => {
      throw errorWithCode("permission denied", "EACCES");
    });
    const error = await rejection(serve({ runtime }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toBe("Cannot serve the admin on 127.0.0.1:0: permission denied");
  });

  test.each(["0.0.0.0", "::", "192.0.2.1", "example.test"])("refuses %s without a token", async (host) => {
    const { runtime, asked } = fakeRuntime(() => {});
    const error = await rejection(serve({ runtime, address: { host, port: 80 } }));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("without a token: set --admin-token-file, --admin-token or SLOTCASK_");
    expect(asked).toEqual([]);
  });

  test.each([
    ["0.0.0.0", "http://127.0.0.1:40000/"],
    ["::", "http://[::1]:40000/"],
    ["192.0.2.1", "http://192.0.2.1:40000/"],
    ["localhost", "http://localhost:40000/"],
  ])("with a token it listens on %s, reached at %s", async (host, url) => {
    const { runtime } = fakeRuntime(() => {});
    const server = await serve({ runtime, hasToken: true, address: { host, port: 0 } });
    expect(server.url).toBe(url);
  });
});
