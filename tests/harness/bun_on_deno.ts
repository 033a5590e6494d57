/**
 * `bun:test` for Deno, over `Deno.test`: deno.json maps the one to the other, so that a test file runs under
 * both runtimes. What is exported here is the only part of bun:test that tests may use.
 *
 * Every test is one `Deno.test`, so both runtimes count the same, and every one runs with sanitizeOps and
 * sanitizeResources (and open_descriptors.ts, which sees what they miss): what it opens or starts, it must close
 * or await.
 *
 * Tests with a beforeAll or an afterAll around them share what those hooks open, which would look like a leak in
 * the first test and like a foreign close in the last. Such a scope (the outermost that has such a hook) is
 * therefore run as a whole inside the `Deno.test` of its first test; the others only report what was found then.
 * So the sanitizers judge the scope as one, from before its beforeAll to after its afterAll, and a leak anywhere
 * in it is reported at its first test. `--filter` still runs the whole scope around a test.
 */
import { expect } from "expect";
import { type FunctionLike, type Mock, ModuleMocker } from "jest-mock";
import { eachName } from "./each_name.ts";
import {
  type Body,
  createScope,
  fullName,
  type HookKind,
  outermostHookScope,
  type Scope,
  type TestCase,
} from "./scope.ts";
import { assertClosed, openDescriptors } from "./open_descriptors.ts";
import { registerAtCaller } from "./test_location.ts";
import { type Outcomes, runScope, runTest, throwIfAny } from "./test_run.ts";
import type { Describe, Limit, RegisterHook, Test } from "./test_types.ts";

export { expect };
export type { Mock };

/** Bun's default limit of a test and of a hook, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 5000;

const file = createScope("");
let current: Scope = file;
/** Of each scope that runs as a whole: what came of it, from the moment its first test was started. */
const wholeScopes = new Map<Scope, Promise<Outcomes>>();

function timeoutOf(limit: Limit | undefined): number {
  return (typeof limit === "number" ? limit : limit?.timeout) ?? DEFAULT_TIMEOUT_MS;
}

function registerTest(name: string, run: Body, options: { limit?: Limit; skipped: boolean }): void {
  const skipped = options.skipped || current.skipped;
  const test = { name, parent: current, skipped, run, timeoutMs: timeoutOf(options.limit) };
  current.children.push(test);
  const fn = async () => {
    const before = openDescriptors();
    await runOrReport(test);
    await assertClosed(before);
  };
  const sanitizers = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true };
  registerAtCaller({ name: fullName(test), ignore: skipped, fn, ...sanitizers }, [import.meta.url]);
}

async function runOrReport(test: TestCase): Promise<void> {
  const scope = outermostHookScope(test);
  if (scope === undefined) return await runTest(test);
  if (!wholeScopes.has(scope)) wholeScopes.set(scope, runScope(scope));
  throwIfAny((await wholeScopes.get(scope)!).get(test)!);
}

function registerScope(name: string, body: () => unknown, skipped: boolean): void {
  const parent = current;
  current = createScope(name, parent, skipped);
  parent.children.push(current);
  try {
    if (body() instanceof Promise) throw new TypeError(`Cannot describe "${name}": its body is asynchronous`);
  } finally {
    current = parent;
  }
}

/** `each` over any `register`; what the rows' types are is the business of the interfaces. */
function createEach(register: (name: string, body: Body, limit?: Limit) => void) {
  return (table: readonly unknown[]) =>
  (
    name: string,
    body: (...row: unknown[]) => unknown,
    limit?: Limit,
  ) => {
    for (const [index, entry] of table.entries()) {
      const row = Array.isArray(entry) ? entry : [entry];
      register(eachName(name, row, index), () => body(...row), limit);
    }
  };
}

function createTest(skipped: boolean): Test {
  const register = (name: string, body: Body, limit?: Limit) => registerTest(name, body, { limit, skipped });
  const test = register as Test;
  return Object.assign(test, {
    each: createEach(register) as Test["each"],
    skip: skipped ? test : createTest(true),
    if: (condition: boolean) => condition ? test : test.skip,
    skipIf: (condition: boolean) => condition ? test.skip : test,
    todo: (name: string) => test.skip(name, () => {}),
  });
}

function createDescribe(skipped: boolean): Describe {
  const register = (name: string, body: Body) => registerScope(name, body, skipped);
  const describe = register as Describe;
  return Object.assign(describe, {
    each: createEach(register) as Describe["each"],
    skip: skipped ? describe : createDescribe(true),
    if: (condition: boolean) => condition ? describe : describe.skip,
    skipIf: (condition: boolean) => condition ? describe.skip : describe,
  });
}

function createHook(kind: HookKind): RegisterHook {
  return (body, limit) => void current.hooks[kind].push({ run: body, timeoutMs: timeoutOf(limit) });
}

/** Registers a test. */
export const test: Test = createTest(false);
/** Groups tests. */
export const describe: Describe = createDescribe(false);
/** Runs once, before the first test of its scope. */
export const beforeAll: RegisterHook = createHook("beforeAll");
/** Runs before each test of its scope, outer scopes first. */
export const beforeEach: RegisterHook = createHook("beforeEach");
/** Runs after each test of its scope, inner scopes first, also after one that failed. */
export const afterEach: RegisterHook = createHook("afterEach");
/** Runs once, after the last test of its scope, also if tests failed. */
export const afterAll: RegisterHook = createHook("afterAll");

// Node's types of the global object, which jest-mock asks for, hold more than Deno's.
const mocker = new ModuleMocker(globalThis as ConstructorParameters<typeof ModuleMocker>[0]);

/** A function that records its calls; `restore` ends all spies, `clearAllMocks` forgets all calls. */
export const mock: {
  <T extends FunctionLike>(implementation?: T): Mock<T>;
  restore(): void;
  clearAllMocks(): void;
} = Object.assign(<T extends FunctionLike>(implementation?: T) => mocker.fn(implementation), {
  restore: () => mocker.restoreAllMocks(),
  clearAllMocks: () => mocker.clearAllMocks(),
});

/** Replaces a method by a mock that calls it. */
export const spyOn: ModuleMocker["spyOn"] = mocker.spyOn.bind(mocker);
