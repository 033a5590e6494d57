/** The admin of a running follower, over HTTP: what `status` and `ctl` ask. */

import { asError } from "../error_code.ts";
import { ConnectionError, SlotcaskError, UsageError } from "../errors.ts";
import type { FollowerStatus } from "../replica/status.ts";
import { oneLine } from "./one_line.ts";
import { isFollowerStatus } from "./status_shape.ts";

/** How long an answer may take, in ms: a retarget waits for the other leader's first word. */
const PATIENCE_MS = { status: 10_000, action: 90_000 };

/** Statuses of refusals that only a person can change: no token, a wrong one, not allowed, a conflict. */
const REFUSALS: readonly number[] = [401, 403, 409, 421];

/** Options of {@link AdminClient}. */
export interface AdminClientOptions {
  /** Sent with every request. */
  token?: string;
  /** Ends what is waited for. */
  signal: AbortSignal;
}

/** Asks one admin. */
export class AdminClient {
  /** The admin's address, for people. */
  readonly url: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal;

  /** A client of an admin at a URL that ends with a slash. */
  constructor(url: string, { token, signal }: AdminClientOptions) {
    this.url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** The follower's status. Rejects with ConnectionError, or with what the admin refused. */
  async status(): Promise<FollowerStatus> {
    const { status, answer } = await this.#ask("status", { patienceMs: PATIENCE_MS.status });
    if (isFollowerStatus(answer)) return answer;
    throw this.#foreign(status);
  }

  /** Asks for an action; answers what the admin says of it. Rejects as {@link status} does. */
  async act(action: string, parameters: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const { status, answer } = await this.#ask(`v1/${action}`, {
      patienceMs: PATIENCE_MS.action,
      parameters,
    });
    if (answer.action === action) return answer;
    throw this.#foreign(status);
  }

  async #ask(
    path: string,
    { patienceMs, parameters }: { patienceMs: number; parameters?: Record<string, unknown> },
  ): Promise<{ status: number; answer: Record<string, unknown> }> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`;
    if (parameters !== undefined) headers["content-type"] = "application/json";
    const { status, text } = await this.#fetch(new URL(path, this.url), {
      method: parameters === undefined ? "GET" : "POST",
      headers,
      body: parameters === undefined ? undefined : JSON.stringify(parameters),
      redirect: "error",
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(patienceMs)]),
    });
    const answer = parseObject(text);
    if (status >= 200 && status < 300 && answer !== undefined) return { status, answer };
    throw this.#refusal(status, answer);
  }

  async #fetch(url: URL, request: RequestInit): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(url, request);
      return { status: response.status, text: await response.text() };
    } catch (thrown) {
      if (this.#signal.aborted) throw this.#signal.reason;
      throw this.#unreachable(rootOf(asError(thrown)), url);
    }
  }

  #unreachable(error: Error, { host }: URL): SlotcaskError {
    if (error.name === "NotCapable") {
      const message = `Cannot reach the admin at ${this.url}: Deno was not given --allow-net=${host}`;
      return new SlotcaskError(message, "stop", { cause: error });
    }
    const why = error.name === "TimeoutError" ? "it does not answer" : oneLine(reasonOf(error));
    return new ConnectionError(`Cannot reach the admin at ${this.url}: ${why}`, { cause: error });
  }

  #refusal(status: number, answer: Record<string, unknown> | undefined): SlotcaskError {
    const { code, message } = (answer?.error ?? {}) as { code?: unknown; message?: unknown };
    if (typeof message !== "string") return this.#foreign(status);
    const hint = status === 401 ? "; see --admin-token-file" : "";
    if (status === 400) return new UsageError(`${message} (${code})`);
    return new ConnectionError(`${message} (${code}, status ${status}${hint})`, {
      remedy: REFUSALS.includes(status) ? "stop" : "reconnect",
    });
  }

  #foreign(status: number): ConnectionError {
    return new ConnectionError(
      `Cannot use the answer of ${this.url} (status ${status}): it is no admin of Slotcask`,
    );
  }
}

/** Deno says no more than "fetch failed", and why in the cause. */
function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** Bun (1.4.5) adds advice for who calls `fetch`, not for who reads the message. */
function reasonOf({ message }: Error): string {
  return message.replace(/\.? *For more information, pass `verbose: true`.*$/s, "");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
