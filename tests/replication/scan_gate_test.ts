import { expect, test } from "bun:test";

import { ScanGate } from "../../src/replication/scan_gate.ts";
import { nextTurn } from "../../src/time_slice.ts";

/** Enters as often as told; who came in stands in `inside`, in order. */
function crowd(gate: ScanGate, size: number): { inside: number[]; leave: Map<number, () => void> } {
  const inside: number[] = [];
  const leave = new Map<number, () => void>();
  for (let i = 0; i < size; i++) {
    gate.enter().then((out) => {
      inside.push(i);
      leave.set(i, out);
    });
  }
  return { inside, leave };
}

test("lets in as many as the limit says, the others in order", async () => {
  const { inside, leave } = crowd(new ScanGate(() => 2), 5);
  await nextTurn();
  expect(inside).toEqual([0, 1]);
  leave.get(1)!();
  await nextTurn();
  expect(inside).toEqual([0, 1, 2]);
  leave.get(0)!();
  leave.get(2)!();
  await nextTurn();
  expect(inside).toEqual([0, 1, 2, 3, 4]);
});

test("a place is given back once", async () => {
  const { inside, leave } = crowd(new ScanGate(() => 1), 4);
  await nextTurn();
  for (let i = 0; i < 5; i++) leave.get(0)!();
  await nextTurn();
  expect(inside).toEqual([0, 1]);
});

test("a limit that changed counts from the next look on", async () => {
  let limit = 1;
  const gate = new ScanGate(() => limit);
  const { inside } = crowd(gate, 4);
  await nextTurn();
  expect(inside).toEqual([0]);
  limit = Infinity;
  await nextTurn();
  expect(inside).toEqual([0]);
  gate.wake();
  await nextTurn();
  expect(inside).toEqual([0, 1, 2, 3]);
});
