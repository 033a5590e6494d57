/** The types of bun_on_deno.ts: the part of bun:test that tests may use. */

/** The body of a test or a hook. */
export type TestBody = () => void | Promise<unknown>;

/** The last argument of a test or a hook: its limit in milliseconds; 0 or Infinity is no limit. */
export type Limit = number | { timeout?: number };

/** Registers one thing per row; a row that is an array is spread over the body's parameters. */
export interface Each<Result, Rest extends unknown[]> {
  /** Rows that are tuples. */
  <Row extends readonly [unknown, ...unknown[]]>(
    table: readonly Row[],
  ): (name: string, body: (...row: [...Row]) => Result, ...rest: Rest) => void;
  /** Rows that are single values. */
  <Row>(table: readonly Row[]): (name: string, body: (row: Row) => Result, ...rest: Rest) => void;
}

/** Registers a test. */
export interface Test {
  /** Registers a test, or one that is skipped if `skip`, `if` or `skipIf` said so. */
  (name: string, body: TestBody, limit?: Limit): void;
  /** One test per row. */
  each: Each<void | Promise<unknown>, [limit?: Limit]>;
  /** Registers tests that do not run. */
  skip: Test;
  /** Runs only where the condition holds. */
  if(condition: boolean): Test;
  /** Does not run where the condition holds. */
  skipIf(condition: boolean): Test;
  /** Announces a test; a body does not run. */
  todo(name: string, body?: TestBody): void;
}

/** Groups tests. */
export interface Describe {
  /** Calls `body` at once; tests and hooks that it registers belong to the group. */
  (name: string, body: () => void): void;
  /** One group per row. */
  each: Each<void, []>;
  /** Registers groups whose tests do not run. */
  skip: Describe;
  /** Runs only where the condition holds. */
  if(condition: boolean): Describe;
  /** Does not run where the condition holds. */
  skipIf(condition: boolean): Describe;
}

/** Registers a hook of the group around it, or of the file. */
export type RegisterHook = (body: TestBody, limit?: Limit) => void;
