import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAdmin } from "../../admin/app.ts";
import { ClosedError } from "../../src/errors.ts";
import { FakeFollower } from "./fake_follower.ts";
import { Following, key, value } from "./following.ts";
import { validated } from "./validated.ts";

const KEYS = 250;
let following: Following;

beforeAll(async () => {
  following = await Following.start(KEYS);
});

afterAll(() => following[Symbol.asyncDispose]());

interface Page {
  entries: { key: string; value: string; version: number; slot: number; shard: number }[];
  cursor?: string;
}

/** All pages of a query. */
async function pagesOf(query: string): Promise<Page[]> {
  const pages: Page[] = [];
  let cursor = "";
  do {
    const { status, body } = await validated<Page>(following.app, `/v1/keys?${query}${cursor}`);
    expect(status).toBe(200);
    pages.push(body);
    cursor = `&cursor=${body.cursor}`;
  } while (pages.at(-1)!.cursor !== undefined);
  return pages;
}

describe("GET /v1/keys/{hex}", () => {
  test("answers a key that is there, with all that is known in body and headers", async () => {
    const { status, headers, body } = await validated(following.app, `/v1/keys/${key(7).toHex()}`);
    const { version, slot, shard, freshAtMs } = following.follower.lookup(key(7));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      found: "yes",
      key: "0000000700000000",
      value: value(7).toHex(),
      ...{ version, slot, shard },
    });
    expect(body.freshAtMs).toBeLessThanOrEqual(freshAtMs!);
    expect(
      Object.fromEntries(["found", "version", "slot", "shard", "fresh-at"].map((name) => [
        name,
        headers.get(`slotcask-${name}`),
      ])),
    ).toEqual({
      found: "yes",
      version: `${version}`,
      slot: `${slot}`,
      shard: `${shard}`,
      "fresh-at": `${body.freshAtMs}`,
    });
  });

  test("takes hex in capitals", async () => {
    const { body } = await validated(following.app, "/v1/keys/000000AB00000000");
    expect(body).toMatchObject({ found: "yes", key: "000000ab00000000", value: value(0xab).toHex() });
  });

  test.each([
    ["application/octet-stream", true],
    ["application/octet-stream;q=0.9, application/json;q=0.1", true],
    ["application/json, application/octet-stream;q=0.5", false],
    ["*/*", false],
    ["text/html", false],
  ])("Accept: %s answers raw bytes: %s", async (accept, isRaw) => {
    const path = `/v1/keys/${key(9).toHex()}`;
    const { headers, response, body } = await validated(following.app, path, { headers: { accept } });
    expect(headers.get("vary")).toContain("accept");
    expect(headers.get("slotcask-found")).toBe("yes");
    expect(headers.get("content-type")).toBe(isRaw ? "application/octet-stream" : "application/json");
    if (isRaw) expect(new Uint8Array(await response.arrayBuffer())).toEqual(value(9));
    else expect(body.value).toBe(value(9).toHex());
  });

  test("HEAD tells the same in headers", async () => {
    const { status, headers } = await validated(following.app, `/v1/keys/${key(9).toHex()}`, {
      method: "HEAD",
    });
    expect([status, headers.get("slotcask-found")]).toEqual([200, "yes"]);
  });

  test("404 for a key that is proven absent, raw or not", async () => {
    for (const accept of ["application/json", "application/octet-stream"]) {
      const path = `/v1/keys/${key(KEYS).toHex()}`;
      const { status, headers, body } = await validated(following.app, path, { headers: { accept } });
      expect(status).toBe(404);
      expect(body).toMatchObject({
        found: "no",
        key: key(KEYS).toHex(),
        error: { code: "no-such-key", message: "Cannot find this key: it is not there" },
      });
      expect(headers.get("slotcask-found")).toBe("no");
      expect(headers.get("slotcask-slot")).toBeNull();
    }
  });

  test("503 for a key of which nothing is known", async () => {
    const follower = new FakeFollower();
    follower.lookup = () => ({ found: "unknown", shard: 0, freshAtMs: undefined });
    const { status, headers, body } = await validated(createAdmin(follower), `/v1/keys/${key(0).toHex()}`);
    expect(status).toBe(503);
    expect(body).toMatchObject({ found: "unknown", freshAtMs: null, error: { code: "incomplete" } });
    expect(headers.get("slotcask-found")).toBe("unknown");
    expect(headers.get("slotcask-fresh-at")).toBeNull();
  });

  test("503 of a follower that is closed", async () => {
    const follower = new FakeFollower();
    follower.lookup = () => {
      throw new ClosedError("Cannot look up a key: the follower is closed");
    };
    const { status, body } = await validated(createAdmin(follower), `/v1/keys/${key(0).toHex()}`);
    expect(status).toBe(503);
    expect(body).toMatchObject({ error: { code: "closed" } });
  });

  test.each([
    ["xy", "bad-hex", 'Cannot read the key: current value is "xy", digits are 0-9 and a-f'],
    ["123", "bad-hex", 'Cannot read the key: current value is "123", it has 3 digits, which is odd'],
    ["%00", "bad-hex", 'Cannot read the key: current value is "\\u0000", digits are 0-9 and a-f'],
    [
      "0".repeat(99),
      "bad-hex",
      `Cannot read the key: current value is "${"0".repeat(40)}...", it has 99 digits, which is odd`,
    ],
    ["00", "key-length", "Cannot look up this key: it has 1 bytes, keys here have 8"],
    ["00".repeat(9), "key-length", "Cannot look up this key: it has 9 bytes, keys here have 8"],
  ])("400 for the key %s", async (hex, code, message) => {
    const { status, body } = await validated(following.app, `/v1/keys/${hex}`);
    expect(status).toBe(400);
    expect(body).toEqual({ error: { code, message } });
  });
});

describe("GET /v1/keys", () => {
  test("answers 100 keys and where to go on; the pages together have each key once", async () => {
    const pages = await pagesOf("");
    expect(pages.map(({ entries }) => entries.length)).toEqual([100, 100, 50]);
    const entries = pages.flatMap(({ entries }) => entries);
    expect(entries.map(({ key }) => key).sort()).toEqual(
      Array.from({ length: KEYS }, (_, id) => key(id).toHex()),
    );
    const { version, slot, shard } = following.follower.lookup(key(3));
    expect(entries.find((entry) => entry.key === key(3).toHex()))
      .toEqual({ key: key(3).toHex(), value: value(3).toHex(), version: version!, slot: slot!, shard });
  });

  test("limit and prefix", async () => {
    const [first] = await pagesOf("limit=1000");
    expect(first.entries).toHaveLength(KEYS);
    const pages = await pagesOf("limit=1&prefix=0000000100");
    expect(pages.flatMap(({ entries }) => entries.map(({ key }) => key))).toEqual([key(1).toHex()]);
    expect((await pagesOf("prefix=ff"))[0]).toEqual({ entries: [] });
    expect((await pagesOf("prefix="))[0].entries).toHaveLength(100);
  });

  test.each([
    ["limit=0", "bad-limit", 'Cannot read a page: limit is "0", allowed are 1 to 1000'],
    ["limit=1001", "bad-limit", 'Cannot read a page: limit is "1001", allowed are 1 to 1000'],
    ["limit=1e2", "bad-limit", 'Cannot read a page: limit is "1e2", allowed are 1 to 1000'],
    ["limit=", "bad-limit", 'Cannot read a page: limit is "", allowed are 1 to 1000'],
    ["prefix=zz", "bad-hex", 'Cannot read prefix: current value is "zz", digits are 0-9 and a-f'],
    ["prefix=0", "bad-hex", 'Cannot read prefix: current value is "0", it has 1 digits, which is odd'],
    [`prefix=${"00".repeat(9)}`, "prefix-length", "Cannot read keys: prefix has 9 bytes, keys here have 8"],
  ])("400 for %s", async (query, code, message) => {
    const { status, body } = await validated(following.app, `/v1/keys?${query}`);
    expect(status).toBe(400);
    expect(body).toEqual({ error: { code, message } });
  });

  test.each(["", "nonsense", "9.0", "0.99999999"])("400 for the cursor '%s'", async (cursor) => {
    const { status, body } = await validated(following.app, `/v1/keys?cursor=${cursor}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { code: "bad-cursor" } });
    expect((body.error as { message: string }).message).toContain(`cursor is "${cursor}"`);
  });
});

describe("GET /v1/slots/{shard}", () => {
  test("answers all slots of a real shard by range", async () => {
    const { status, body } = await validated(following.app, "/v1/slots/1?regions=4");
    const { slots } = following.follower.status().shards[1];
    const regions = body.regions as { slots: number; occupied: number }[];
    expect([status, regions.length]).toEqual([200, 4]);
    expect(regions.reduce((sum, region) => sum + region.slots, 0)).toBe(slots.total);
    expect(regions.reduce((sum, region) => sum + region.occupied, 0)).toBe(slots.occupied);
  });
});
