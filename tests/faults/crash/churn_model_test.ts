import { describe, expect, test } from "bun:test";

import { fillKey, fillValue } from "../../interop/armdb_peer.ts";
import { toHex } from "../../interop/equal.ts";
import { type ChurnMix, ChurnModel } from "./churn_model.ts";

const MIX: ChurnMix = { shape: "8x100", seed: 3, keyspace: 5, deletePercent: 40 };
const OPERATIONS = 200;

/** All operations of the mix, found by trial: a model takes no other round for a value of a put. */
function operations(): (number | undefined)[] {
  const model = new ChurnModel(MIX);
  return Array.from({ length: OPERATIONS }, (_, n) => {
    const keys = Array.from({ length: MIX.keyspace }, (_, i) => i);
    return keys.find((i) => wasPut(model, i, n + 1));
  });
}

function wasPut(model: ChurnModel, i: number, round: number): boolean {
  try {
    return model.roundOf(i, valueOf(i, round), OPERATIONS) === round;
  } catch {
    return false;
  }
}

function valueOf(i: number, round: number): string {
  return toHex(fillValue(MIX.shape, MIX.seed, i, round));
}

describe("the model of a churn", () => {
  test("finds the operation that put a value, and refuses any other value", () => {
    const model = new ChurnModel(MIX);
    const puts = operations();
    const n = puts.findIndex((i) => i === 2);
    expect(model.roundOf(2, valueOf(2, 0), 0)).toBe(0);
    expect(model.roundOf(2, valueOf(2, n + 1), OPERATIONS)).toBe(n + 1);
    expect(model.numberOf(toHex(fillKey(MIX.shape, MIX.seed, 2)))).toBe(2);

    const torn = valueOf(2, n + 1).slice(0, 150) + valueOf(2, 0).slice(150);
    expect(() => model.roundOf(2, torn, OPERATIONS)).toThrow("its bytes are not (torn?)");
    expect(() => model.roundOf(3, valueOf(2, n + 1), OPERATIONS)).toThrow("no operation up to 200 put it");
    expect(() => model.roundOf(4, valueOf(4, n + 1), OPERATIONS)).toThrow(`operation ${n} did not put it`);
    const fresh = new ChurnModel(MIX);
    expect(() => fresh.roundOf(2, valueOf(2, n + 1), n)).toThrow(`no operation up to ${n} put it`);
  });

  test("sees how far a state is behind what it shows", () => {
    expect(operations().filter((i) => i === undefined).length).toBeGreaterThan(40);
    // Which key a delete takes is not told by any value: only states without deletes are built here.
    const model = new ChurnModel({ ...MIX, deletePercent: 0 });
    const all = Array.from({ length: OPERATIONS }, (_, n) => {
      for (let i = 0;; i++) if (wasPut(model, i, n + 1)) return i;
    });
    const now = Array.from({ length: MIX.keyspace }, (_, i) => all.lastIndexOf(i) + 1);
    expect(model.lagOf(now)).toEqual({ newest: OPERATIONS - 1, lag: 0, key: undefined });

    const last = now.indexOf(OPERATIONS);
    const other = (last + 1) % MIX.keyspace;
    const missed = all.indexOf(other);
    const stale = now.with(other, 0);
    expect(model.lagOf(stale)).toEqual({ newest: OPERATIONS - 1, lag: OPERATIONS - missed, key: other });
    const absent = now.with(other, -1);
    expect(model.lagOf(absent)).toEqual({ newest: OPERATIONS - 1, lag: OPERATIONS + 1, key: other });
    expect(model.lagOf([...absent].map((round, i) => i === other ? undefined : round)).lag).toBe(0);
  });
});
