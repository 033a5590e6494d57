/** What may happen to a leader and its follower, as commands for fast-check: each changes both sides, then compares. */

import fc from "fast-check";
import type { StorageKind } from "../../src/storage/slot_file.ts";
import { nextTurn } from "../../src/time_slice.ts";
import { must } from "../fuzz/refusal.ts";
import { compareStore, type Expected } from "./compare.ts";
import { KEYS, type ModelEvent, ModelLeader, shardOf, SLOTS } from "./model_leader.ts";
import { Replica } from "./replica.ts";
import { WatchReplay } from "./watch_replay.ts";

const SHARDS = [0, 1];
/** Turns of the event loop that a watch may take to tell what happened. */
const MOST_TURNS = 8;

/** The model: what the leader holds, and what of it the follower must hold. */
export class Model {
  /** The leader's keys. */
  readonly map = new Map<string, string>();
  /** By shard. */
  readonly shards: (Expected & { history: Set<string> })[] = SHARDS.map(() => (
    { entries: new Map(), isComplete: false, history: new Set() }
  ));

  /** The leader's keys of a shard. */
  of(shard: number): Map<string, string> {
    return new Map([...this.map].filter(([key]) => shardOf(key) === shard));
  }
}

/** The real ones. */
export class Real {
  readonly leader = new ModelLeader();
  /** A reader of the follower's watch. */
  watch: WatchReplay | undefined;
  replica!: Replica;

  /** A leader and a follower that has not connected. */
  static async begin(kind: StorageKind): Promise<Real> {
    const real = new Real();
    real.replica = await Replica.begin(kind, real.leader);
    return real;
  }

  /** Hands a change of the leader on. */
  hear(event: ModelEvent | undefined): void {
    if (event !== undefined) this.replica.hear(event);
  }
}

/** Counts what was compared, so that a run that compares nothing cannot pass. */
export const compared = { live: 0, watched: 0, resyncs: 0, kinds: {} as Record<string, number> };

/** One step: what it does, and the comparison behind it. */
class Step implements fc.AsyncCommand<Model, Real> {
  readonly #act: (model: Model, real: Real) => Promise<void> | void;

  constructor(readonly name: string, act: (model: Model, real: Real) => Promise<void> | void) {
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    compared.kinds[this.name.split(" ")[0]] = (compared.kinds[this.name.split(" ")[0]] ?? 0) + 1;
    await this.#act(model, real);
    await compareAll(model, real);
  }

  toString(): string {
    return this.name;
  }
}

/** Every command, with the storage they run on chosen elsewhere. */
export const COMMANDS: fc.Arbitrary<fc.AsyncCommand<Model, Real>>[] = [
  ...Array(4).fill(
    fc.tuple(fc.constantFrom(...KEYS), fc.nat(99)).map(([key, n]) =>
      new Step(`put ${key}=${n}`, (model, real) => put(model, real, key, String(n)))
    ),
  ),
  ...Array(2).fill(
    fc.constantFrom(...KEYS).map((key) =>
      new Step(`delete ${key}`, (model, real) => remove(model, real, key))
    ),
  ),
  fc.tuple(fc.constantFrom(...KEYS), fc.boolean()).map(([key, isNewer]) =>
    new Step(`reset ${key}${isNewer ? " newer" : ""}`, (model, real) => reset(model, real, key, isNewer))
  ),
  fc.constantFrom(...SHARDS).map((shard) =>
    new Step(`connect ${shard}`, (_, { replica }) => replica.connect(shard))
  ),
  ...Array(2).fill(
    fc.tuple(fc.constantFrom(...SHARDS), fc.integer({ min: 1, max: 8 })).map(([shard, slots]) =>
      new Step(`scan ${shard} by ${slots}`, (model, real) => scan(model, real, shard, slots))
    ),
  ),
  ...Array(2).fill(fc.constant(new Step("reconnect", (model, real) => scanAll(model, real, "reconnect")))),
  fc.constant(new Step("rescan", (model, real) => scanAll(model, real, "rescan"))),
  fc.constantFrom(...SHARDS).map((shard) =>
    new Step(`cut ${shard}`, (_, { replica }) => replica.disconnect(shard))
  ),
  fc.constant(new Step("pause", (_, { replica }) => SHARDS.forEach((shard) => replica.disconnect(shard)))),
  fc.constant(new Step("reopen", (model, real) => restart(model, real, false))),
  fc.constant(new Step("crash", (model, real) => restart(model, real, true))),
  fc.constantFrom(1, 4, 1024).map((queue) =>
    new Step(`watch ${queue}`, async (_, real) => {
      await real.watch?.stop();
      real.watch = new WatchReplay(real.replica.watch(queue), () => real.replica.store);
    })
  ),
  fc.constant(
    new Step("unwatch", async (_, real) => {
      await real.watch?.stop();
      real.watch = undefined;
    }),
  ),
];

function put(model: Model, real: Real, key: string, value: string): void {
  model.map.set(key, value);
  model.shards[shardOf(key)].history.add(`${key}=${value}`);
  real.hear(real.leader.put(key, value));
  follow(model, real, shardOf(key));
}

function remove(model: Model, real: Real, key: string): void {
  model.map.delete(key);
  real.hear(real.leader.delete(key));
  follow(model, real, shardOf(key));
}

function reset(model: Model, real: Real, key: string, isNewer: boolean): void {
  model.map.delete(key);
  real.hear(real.leader.reset(key, isNewer));
  follow(model, real, shardOf(key));
}

/** A live shard holds what the leader holds. */
function follow(model: Model, { replica }: Real, shard: number): void {
  if (replica.connections[shard].phase === "live") model.shards[shard].entries = model.of(shard);
}

async function scan(model: Model, real: Real, shard: number, slots: number): Promise<void> {
  const connection = real.replica.connections[shard];
  if (connection.phase !== "scanning") return;
  const events = await real.replica.scan(shard, slots);
  const expected = model.shards[shard];
  if (events > 0) expected.entries = expected.isComplete = undefined;
  if (connection.position < SLOTS) return;
  expected.entries = model.of(shard);
  expected.isComplete = true;
}

async function scanAll(model: Model, real: Real, reason: "reconnect" | "rescan"): Promise<void> {
  for (const shard of SHARDS) {
    await real.replica.connect(shard, reason);
    await scan(model, real, shard, Infinity);
  }
}

/** A scan that was cut leaves its mark, which says so after a restart: a miss may prove nothing then. */
async function restart(model: Model, real: Real, isCrash: boolean): Promise<void> {
  for (const shard of SHARDS) {
    const expected = model.shards[shard];
    const wasMarked = real.replica.connections[shard].phase === "scanning";
    if (wasMarked && expected.isComplete) expected.isComplete = undefined;
  }
  await (isCrash ? real.replica.crash() : real.replica.reopen());
  await real.watch?.ended;
  real.watch = undefined;
}

async function compareAll(model: Model, real: Real): Promise<void> {
  const { store, connections } = real.replica;
  if (store === undefined) return;
  await compareStore(store, model.shards);
  const isLive = connections.every(({ phase }) => phase === "live");
  if (!isLive) return;
  compared.live++;
  if (real.watch !== undefined) await compareWatch(model, real.watch);
}

async function compareWatch(model: Model, watch: WatchReplay): Promise<void> {
  const isSame = () =>
    watch.entries.size === model.map.size &&
    [...model.map].every(([key, value]) => watch.entries.get(key) === value);
  for (let turn = 0; turn < MOST_TURNS && !isSame(); turn++) await nextTurn();
  must(isSame(), () => `the watch told ${[...watch.entries]}, and ${[...model.map]} is there`);
  compared.watched++;
  compared.resyncs += watch.resyncs;
  watch.resyncs = 0;
}
