/** A `follow` that runs with its admin, over a leader in the test's own process. */

import { Leading } from "./leading.ts";
import { Program, type ProgramOptions } from "./program.ts";

/** Options of {@link Following}. */
export interface FollowingOptions extends ProgramOptions {
  /** Keys of the leader (default 1,000). */
  keys?: number;
  /** More flags; the admin's address is a free port unless one of them says more. */
  flags?: string[];
}

/** A follower, its admin and its leader; dispose it. */
export class Following implements AsyncDisposable {
  private constructor(
    readonly leading: Leading,
    readonly program: Program,
    /** The admin's, with a slash at its end. */
    readonly url: string,
  ) {}

  /** Starts all, and waits until the follower has caught up. */
  static async start({ keys = 1000, flags = [], ...options }: FollowingOptions = {}): Promise<Following> {
    const leading = await Leading.start(keys);
    const admin = flags.includes("--admin") ? [] : ["--admin", ":0"];
    const args = ["follow", leading.address, "--dir", leading.path("replica"), ...admin, ...flags];
    const program = Program.slotcask(args, options);
    try {
      const url = await adminUrl(program);
      await program.says("caught up: ");
      return new Following(leading, program, url);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      await leading[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.leading[Symbol.asyncDispose]();
  }
}

/** The address that a program says its admin has, with a slash at its end. */
export async function adminUrl(program: Program): Promise<string> {
  await program.says("admin: http");
  return /admin: (http\S+)/.exec(program.out)![1];
}

/** An answer, read to its end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** Asks an admin; leaves no connection open behind it, which a test would be told of. */
export async function ask(
  url: string,
  { token, method = "GET" }: { token?: string; method?: "GET" | "POST" } = {},
): Promise<Answer> {
  const headers: Record<string, string> = { connection: "close" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const response = await fetch(url, { method, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
