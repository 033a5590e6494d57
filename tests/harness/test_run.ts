/**
 * Runs tests and their hooks in Bun's order. Used by bun_on_deno.ts alone, so under Deno alone.
 *
 * Two deliberate differences from Bun, both in runs that fail anyway: every afterEach and afterAll runs, also
 * after one of them threw; and when a beforeAll throws, each test of its scope fails (Bun reports one failure).
 */
import { expect } from "expect";
import {
  fullName,
  type Hook,
  isScope,
  runnableTests,
  type Scope,
  scopesAround,
  type TestCase,
} from "./scope.ts";
import { withTimeLimit } from "./time_limit.ts";

/** What each test of a scope came to: the errors that it failed with, none if it passed. */
export type Outcomes = Map<TestCase, unknown[]>;

/** Runs one test with the beforeEach and afterEach hooks around it; throws if anything of that failed. */
export async function runTest(test: TestCase): Promise<void> {
  throwIfAny(await testErrors(test));
}

/** Throws the only error, or all of them as one. */
export function throwIfAny(errors: unknown[]): void {
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} errors`);
  if (errors.length === 1) throw errors[0];
}

/** Runs all tests of a scope with its beforeAll and afterAll hooks; never throws. */
export async function runScope(scope: Scope, outcomes: Outcomes = new Map()): Promise<Outcomes> {
  const tests = runnableTests(scope);
  if (tests.length === 0) return outcomes;
  const errors = await untilError(scope.hooks.beforeAll);
  if (errors.length > 0) tests.forEach((test) => outcomes.set(test, [...errors]));
  else await runChildren(scope, outcomes);
  // A scope's afterAll belongs to no test: the last one answers for it.
  outcomes.get(tests[tests.length - 1])!.push(...await everyError(scope.hooks.afterAll));
  return outcomes;
}

async function runChildren(scope: Scope, outcomes: Outcomes): Promise<void> {
  for (const child of scope.children) {
    if (isScope(child)) await runScope(child, outcomes);
    else if (!child.skipped) outcomes.set(child, await reportedErrors(child));
  }
}

/** Runs a test and says so: of a scope that runs as a whole, Deno itself shows no test before the last ended. */
async function reportedErrors(test: TestCase): Promise<unknown[]> {
  const started = performance.now();
  const errors = await testErrors(test);
  const milliseconds = Math.round(performance.now() - started);
  console.log(`  ${fullName(test)} ... ${errors.length === 0 ? "ok" : "FAILED"} (${milliseconds} ms)`);
  return errors;
}

async function testErrors(test: TestCase): Promise<unknown[]> {
  const scopes = scopesAround(test);
  expect.setState({ assertionCalls: 0, expectedAssertionsNumber: null, isExpectingAssertions: false });
  const errors = await untilError([...scopes.flatMap((scope) => scope.hooks.beforeEach), test]);
  errors.push(...await everyError(scopes.toReversed().flatMap((scope) => scope.hooks.afterEach)));
  const missing = expect.extractExpectedAssertionsErrors();
  return [...errors, ...missing.map(({ error }) => error)];
}

/** Runs one after the other up to the first that fails. */
async function untilError(steps: Hook[]): Promise<unknown[]> {
  for (const step of steps) {
    const errors = await everyError([step]);
    if (errors.length > 0) return errors;
  }
  return [];
}

/** Runs one after the other, whether or not one fails. */
async function everyError(steps: Hook[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const { run, timeoutMs } of steps) {
    try {
      await withTimeLimit(run, timeoutMs);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}
