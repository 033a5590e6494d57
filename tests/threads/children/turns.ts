/** A thread that takes turns with the test that started it: see turn_lock_test.ts. */

import { ownThread } from "../../../src/runtime/threads.ts";
import { nextTurn } from "../../../src/time_slice.ts";
import { THREAD, TurnLock } from "../../../src/threads/turn_lock.ts";

const { data, port } = ownThread<{ words: SharedArrayBuffer; counts: SharedArrayBuffer; turns: number }>();
const counts = new Float64Array(data.counts);
const lock = new TurnLock({
  words: new Int32Array(data.words),
  side: THREAD,
  longestWaitMs: Infinity,
  onTake: () => {},
  onGive: () => {},
});

/** Holds it for some ms of one turn. */
function keep(ms: number): void {
  lock.hold();
  port.post("kept");
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function count(): Promise<void> {
  for (let turn = 0; turn < data.turns; turn++) {
    lock.hold();
    // In two steps, with others in between if the lock lets them.
    const before = counts[0];
    for (let i = 0; i < 50; i++) counts[1]++;
    counts[0] = before + 1;
    if (turn % 8 === 0) await nextTurn();
    else await undefined;
  }
  port.post("counted");
}

port.onMessage = (message) => {
  if (message === "count") void count();
  else keep(message as number);
};
