/**
 * The tree that `describe`, `test` and the hooks build while a test file is imported.
 *
 * Used by bun_on_deno.ts alone, so under Deno alone.
 */

/** A hook, or a test's body. */
export type Body = () => unknown;

/** A hook and its limit in milliseconds. */
export interface Hook {
  run: Body;
  timeoutMs: number;
}

/** The four kinds of hook. */
export type HookKind = "beforeAll" | "beforeEach" | "afterEach" | "afterAll";

/** A describe block, or the file itself (no parent, no name). */
export interface Scope {
  name: string;
  parent?: Scope;
  /** Whether `skip`, `if` or `skipIf` switched it off, here or further out. */
  skipped: boolean;
  hooks: Record<HookKind, Hook[]>;
  children: (Scope | TestCase)[];
}

/** One test. */
export interface TestCase {
  name: string;
  parent: Scope;
  skipped: boolean;
  run: Body;
  timeoutMs: number;
}

/** Makes a scope; the caller adds it to its parent's children. */
export function createScope(name: string, parent?: Scope, skipped = false): Scope {
  return {
    name,
    parent,
    skipped: skipped || (parent?.skipped ?? false),
    hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
    children: [],
  };
}

/** Whether a child of a scope is a scope itself. */
export function isScope(child: Scope | TestCase): child is Scope {
  return "children" in child;
}

/** The scopes around a test or a scope, outermost first. */
export function scopesAround(child: Scope | TestCase): Scope[] {
  return child.parent === undefined ? [] : [...scopesAround(child.parent), child.parent];
}

/** The name as reports show it: `outer > inner`. */
export function fullName(child: Scope | TestCase): string {
  return [...scopesAround(child), child].map((part) => part.name).filter((name) => name !== "").join(" > ");
}

/** The tests of a scope that are to run, in order. */
export function runnableTests(scope: Scope): TestCase[] {
  return scope.children.flatMap((child) =>
    isScope(child) ? runnableTests(child) : child.skipped ? [] : [child]
  );
}

/** The outermost scope around a test that has a beforeAll or an afterAll. */
export function outermostHookScope(test: TestCase): Scope | undefined {
  return scopesAround(test).find((scope) =>
    scope.hooks.beforeAll.length > 0 || scope.hooks.afterAll.length > 0
  );
}
