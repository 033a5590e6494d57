/**
 * What the operating system called an error.
 *
 * Both runtimes put it into `code`; for some of its own classes (a denied permission) Deno has none.
 */

/** The `code` of an error, such as "ENOSPC"; undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** An error of our own with a `code` like that of the runtime's errors. */
export function errorWithCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Turns any thrown value into an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
