import { describe, expect, test } from "bun:test";
import { follow, type Follower, lead, openStore, type OwnStore } from "../../mod.ts";
import { IncompleteError } from "../../src/errors.ts";
import {
  asNumber,
  bytes,
  encode,
  i64le,
  prefixOf,
  rangeOf,
  skip,
  struct,
  TypedView,
  type TypedViewSource,
  u32be,
  u64le,
} from "../../src/values/mod.ts";
import { QUICK, TemporaryDirectory } from "../fakes/followed.ts";
import { until } from "../harness/until.ts";
import { errorOf } from "./kit.ts";

const KEY = struct({ user: u32be, account: u32be });
const VALUE = struct({ balance: i64le, updatedMs: asNumber(u64le), pad: skip(4) });
const TYPES = { key: KEY, value: VALUE };
const SHAPE = { shardCount: 2, keyLength: 8, valueLength: 20, prefixBits: 0 };

/** A leader with accounts 0, 1 and 2 of users 1 and 2, and a follower that has caught up. */
class Scene implements AsyncDisposable {
  readonly #ends = new AsyncDisposableStack();
  store!: OwnStore;
  follower!: Follower;
  view!: TypedView<{ user: number; account: number }, { balance: bigint; updatedMs: number }>;

  static async start(): Promise<Scene> {
    const scene = new Scene();
    const directory = scene.#ends.use(new TemporaryDirectory());
    scene.store = scene.#ends.use(await openStore(directory.of("leader"), SHAPE));
    for (const user of [1, 2]) {
      for (const account of [0, 1, 2]) scene.put(user, account, BigInt(100 * user + account));
    }
    const leader = await lead(scene.store, "127.0.0.1:0");
    scene.#ends.defer(async () => void await leader.close());
    const options = { ...QUICK, dir: directory.of("replica") };
    scene.follower = scene.#ends.use(await follow(`127.0.0.1:${leader.address.port}`, options));
    await scene.follower.caughtUp();
    scene.view = scene.follower.view(TYPES);
    return scene;
  }

  put(user: number, account: number, balance: bigint): void {
    this.store.put(encode(KEY, { user, account }), encode(VALUE, { balance, updatedMs: 7 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

describe("a view of a follower", () => {
  test("reads keys as what they mean", async () => {
    await using scene = await Scene.start();
    const { view } = scene;
    expect(view.get({ user: 2, account: 1 })).toEqual({ balance: 201n, updatedMs: 7 });
    expect(view.get({ user: 2, account: 3 })).toBeUndefined();
    expect([view.has({ user: 1, account: 0 }), view.has({ user: 3, account: 0 })]).toEqual([true, false]);
    expect(view.lookup({ user: 1, account: 2 })).toMatchObject({
      found: "yes",
      value: { balance: 102n, updatedMs: 7 },
      freshAtMs: expect.any(Number),
    });
    const missing = view.lookup({ user: 1, account: 9 });
    expect([missing.found, "value" in missing]).toEqual(["no", false]);
    const [first, second] = [view.get({ user: 1, account: 1 }), view.get({ user: 2, account: 2 })];
    expect([first?.balance, second?.balance]).toEqual([101n, 202n]);
  });

  test("lists all entries, those of a user, and those of a range", async () => {
    await using scene = await Scene.start();
    const { view } = scene;
    const words = (options?: Parameters<typeof view.entries>[0]) =>
      [...view.entries(options)].map(([{ user, account }, { balance }]) => `${user}.${account}=${balance}`)
        .toSorted().join(" ");
    expect(words()).toBe("1.0=100 1.1=101 1.2=102 2.0=200 2.1=201 2.2=202");
    expect(words({ prefix: prefixOf(KEY, { user: 2 }) })).toBe("2.0=200 2.1=201 2.2=202");
    const range = rangeOf(KEY, { from: { user: 1, account: 1 }, to: { user: 2, account: 1 } });
    expect(words({ range })).toBe("1.1=101 1.2=102 2.0=200");
    expect(words({ range, prefix: prefixOf(KEY, { user: 1 }) })).toBe("1.1=101 1.2=102");
  });

  test("reads pages", async () => {
    await using scene = await Scene.start();
    const { view } = scene;
    const prefix = prefixOf(KEY, { user: 1 });
    const first = view.page({ prefix, limit: 2 });
    const second = view.page({ prefix, limit: 2, cursor: first.cursor });
    expect([first.entries.length, second.entries.length, second.cursor]).toEqual([2, 1, undefined]);
    const entries = [...first.entries, ...second.entries];
    expect(entries.map(({ key, value }) => Number(value.balance) - key.account)).toEqual([100, 100, 100]);
    expect(entries.map(({ key }) => key.account).toSorted()).toEqual([0, 1, 2]);
    expect(entries[0]).toMatchObject({ version: 1, shard: expect.any(Number), slot: expect.any(Number) });
  });

  test("tells changes of one user", async () => {
    await using scene = await Scene.start();
    const { follower, store, view } = scene;
    await until(() => follower.status().phase === "live", 3000);
    const changes = view.watch({ prefix: prefixOf(KEY, { user: 1 }) });
    const next = changes.next();
    scene.put(2, 0, 7n);
    scene.put(1, 5, -5n);
    expect((await next).value).toMatchObject({
      type: "put",
      key: { user: 1, account: 5 },
      value: { balance: -5n, updatedMs: 7 },
    });
    store.delete(encode(KEY, { user: 1, account: 5 }));
    expect((await changes.next()).value).toMatchObject({ type: "delete", key: { user: 1, account: 5 } });
    const waiting = changes.next();
    expect(await changes.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  test("begins a watch with what is there, and ends it by its signal", async () => {
    await using scene = await Scene.start();
    const balances: bigint[] = [];
    const end = new AbortController();
    for await (const change of scene.view.watch({ initial: true, signal: end.signal })) {
      if (change.type === "put") balances.push(change.value.balance);
      if (balances.length === 6) end.abort();
    }
    expect(balances.toSorted()).toEqual([100n, 101n, 102n, 200n, 201n, 202n]);
  });

  test("of other lengths is refused at once, with both", async () => {
    await using scene = await Scene.start();
    const { follower } = scene;
    expect(errorOf(() => follower.view({ key: u32be, value: VALUE }))).toBe(
      "UsageError: Cannot view keys as u32be: it has 4 bytes, keys of this store have 8",
    );
    expect(errorOf(() => follower.view({ key: KEY, value: struct({ balance: i64le }) }))).toBe(
      "UsageError: Cannot view values as struct: it has 8 bytes, values of this store have 20",
    );
  });

  test("throws for a key that its type cannot hold, and for bytes that are no value", async () => {
    await using scene = await Scene.start();
    const { view, store } = scene;
    expect(errorOf(() => view.get({ user: -1, account: 0 }))).toContain("Cannot encode user: u32be is -1");
    store.put(encode(KEY, { user: 9, account: 0 }), new Uint8Array(20).fill(255));
    await until(() => view.has({ user: 9, account: 0 }), 3000);
    expect(errorOf(() => view.get({ user: 9, account: 0 }))).toContain("Cannot decode updatedMs: u64le is");
    expect(view.get({ user: 1, account: 0 })?.balance).toBe(100n);
  });
});

/** A source that tells what a test gives it. */
function source(overrides: Partial<TypedViewSource>): TypedViewSource {
  const unused = () => {
    throw new Error("Not expected");
  };
  return {
    status: () => ({ shape: { keyLength: 2, valueLength: 1 } }),
    getInto: unused,
    has: unused,
    lookup: unused,
    entries: unused,
    watch: unused,
    page: unused,
    ...overrides,
  };
}

const BYTES = { key: bytes(2), value: bytes(1) };

describe("a view", () => {
  test("gives bytes that later reads do not change", () => {
    let calls = 0;
    const view = new TypedView(
      source({
        getInto(_key, out) {
          out[0] = ++calls;
          return 1;
        },
      }),
      BYTES,
    );
    const key = Uint8Array.of(1, 2);
    expect([view.get(key), view.get(key)]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  test("lets errors of the follower pass", () => {
    const incomplete = new IncompleteError("Cannot say");
    const view = new TypedView(
      source({
        getInto() {
          throw incomplete;
        },
      }),
      BYTES,
    );
    expect(() => view.get(Uint8Array.of(1, 2))).toThrow(incomplete);
  });

  test("of a store whose shape is not known is refused", () => {
    expect(errorOf(() => new TypedView(source({ status: () => ({ shape: null }) }), BYTES)))
      .toBe("UsageError: Cannot view the store: its shape is not known yet");
  });

  test("passes on what is no change of a key, and leaves a watch whose bytes are no value", async () => {
    const told = [
      { type: "caught-up", shard: 1 } as const,
      { type: "resync", reason: "overflow" } as const,
      {
        type: "put",
        key: new Uint8Array(8).fill(255),
        value: new Uint8Array(1),
        version: 1,
        shard: 0,
      } as const,
    ];
    let left = 0;
    const view = new TypedView(
      source({
        status: () => ({ shape: { keyLength: 8, valueLength: 1 } }),
        async *watch() {
          try {
            yield* told;
            throw new Error("It went on");
          } finally {
            left++;
          }
        },
      }),
      { key: asNumber(u64le), value: bytes(1) },
    );
    const seen: unknown[] = [];
    const error = await (async () => {
      for await (const change of view.watch()) seen.push(change);
    })().catch((reason) => reason);
    expect(seen).toEqual(told.slice(0, 2));
    expect(error.message).toContain("Cannot decode: u64le");
    expect(left).toBe(1);
  });
});
