import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Contender, Figures } from "../../bench/bench.ts";
import { removeDirectories, runBench, withDirectory } from "../../bench/rounds.ts";

interface Told {
  log: string[];
  dir?: string;
}

/** A bench that notes what is done with it. */
function benchOf(contenders: (told: Told) => Contender[], told: Told): Bench {
  return {
    name: "race",
    title: "who is first",
    prepare: (setup) => {
      told.dir = setup.dir;
      told.log.push(`prepare ${setup.runtimes} ${setup.quick} ${existsSync(setup.dir)}`);
      return Promise.resolve({
        contenders: contenders(told),
        ratios: [{ figure: "ms", of: "a", against: "b", must: 1, reach: 2 }],
        [Symbol.asyncDispose]: () => Promise.resolve(void told.log.push(`dispose ${existsSync(setup.dir)}`)),
      });
    },
  };
}

function contender(
  told: Told,
  name: string,
  measure: (round: number) => Figures,
  rounds?: number,
): Contender {
  return {
    name,
    rounds,
    measure: (round) => {
      told.log.push(`${name}${round}`);
      return Promise.resolve(measure(round));
    },
  };
}

const OPTIONS = { rounds: 3, runtimes: ["bun"], quick: true } as const;

describe("runBench", () => {
  test("measures all in turn, round by round, and clears up", async () => {
    const told: Told = { log: [] };
    const bench = benchOf((told) => [
      contender(told, "a", (round) => ({ ms: round + 2 })),
      contender(told, "b", () => ({ ms: 2 }), 2),
    ], told);
    const result = await runBench(bench, OPTIONS);
    expect(told.log).toEqual([
      ...["prepare bun true true", "a0", "b0", "a1", "b1", "a2", "dispose true"],
    ]);
    expect(existsSync(told.dir!)).toBe(false);
    expect(result).toMatchObject({
      name: "race",
      title: "who is first",
      contenders: [
        { name: "a", rounds: [{ ms: 2 }, { ms: 3 }, { ms: 4 }] },
        { name: "b", rounds: [{ ms: 2 }, { ms: 2 }] },
      ],
      ratios: [{ value: 1.5, lowest: 1, highest: 1.5, met: true, reached: false }],
    });
  });

  test("says what it is at", async () => {
    const lines: string[] = [];
    const bench = benchOf((told) => [contender(told, "a", () => ({ ms: 1 }))], { log: [] });
    await runBench(bench, { ...OPTIONS, rounds: 2, onProgress: (text) => lines.push(text) });
    expect(lines).toEqual(["race: preparing", "race: round 1 of 2, a", "race: round 2 of 2, a"]);
  });

  test("a contender that fails is measured no further, and the others are", async () => {
    const told: Told = { log: [] };
    const fail = (round: number): Figures => {
      if (round === 1) throw new Error("fell over");
      return { ms: 1 };
    };
    const bench = benchOf(
      (told) => [contender(told, "a", fail), contender(told, "b", () => ({ ms: 2 }))],
      told,
    );
    const { contenders } = await runBench(bench, OPTIONS);
    expect(told.log.slice(1, -1)).toEqual(["a0", "b0", "a1", "b1", "b2"]);
    expect(contenders).toEqual([
      { name: "a", rounds: [{ ms: 1 }], error: "fell over" },
      { name: "b", rounds: [{ ms: 2 }, { ms: 2 }, { ms: 2 }] },
    ]);
  });

  test("a bench that cannot be prepared rejects, and leaves no directory", async () => {
    let dir = "";
    const bench: Bench = {
      ...benchOf(() => [], { log: [] }),
      prepare: (setup) => {
        dir = setup.dir;
        return Promise.reject(new Error("no leader"));
      },
    };
    await expect(runBench(bench, OPTIONS)).rejects.toThrow("no leader");
    expect([dir === "", existsSync(dir)]).toEqual([false, false]);
  });

  test("removeDirectories removes those of benches under way, and the bench ends as ever", async () => {
    const told: Told = { log: [] };
    const measure = (): Figures => {
      removeDirectories();
      told.log.push(String(existsSync(told.dir!)));
      return { ms: 1 };
    };
    const { contenders } = await runBench(benchOf((told) => [contender(told, "a", measure)], told), {
      ...OPTIONS,
      rounds: 1,
    });
    expect(told.log).toEqual(["prepare bun true true", "a0", "false", "dispose false"]);
    expect(contenders[0].rounds).toEqual([{ ms: 1 }]);
  });

  test.each([[NaN], [Infinity]])("a figure of %s is a failure", async (ms) => {
    const bench = benchOf((told) => [contender(told, "a", () => ({ ms: ms as number }))], { log: [] });
    const { contenders } = await runBench(bench, OPTIONS);
    expect(contenders).toEqual([{ name: "a", rounds: [], error: `Cannot use a figure: ms is ${ms}` }]);
  });
});

test("withDirectory gives an empty directory, and removes it", async () => {
  const parent = mkdtempSync(join(tmpdir(), "slotcask-rounds-"));
  const path = join(parent, "deep", "below");
  const use = (path: string) => {
    expect(readdirSync(path)).toEqual([]);
    writeFileSync(join(path, "file"), "");
    return Promise.resolve(4);
  };
  try {
    expect(await withDirectory(path, use)).toBe(4);
    expect(existsSync(path)).toBe(false);
    mkdirSync(path);
    writeFileSync(join(path, "left"), "");
    const failing = withDirectory(path, (path) => use(path).then(() => Promise.reject(new Error("no"))));
    await expect(failing).rejects.toThrow("no");
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
});
