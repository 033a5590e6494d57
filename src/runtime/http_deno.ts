/** HTTP by `Deno.serve`. */

import { errorCode, errorWithCode } from "../error_code.ts";
import { answer, stopping, within } from "./http.ts";
import type { Address, Http, HttpHandler, HttpServer } from "./runtime.ts";

/** A server as `Deno.serve` gives it. */
interface DenoServer {
  addr: { hostname: string; port: number };
  finished: Promise<void>;
}

/** What Deno tells of a request. */
interface RequestInfo {
  /** Resolves once the answer has left, rejects if it could not. */
  completed: Promise<void>;
}

/** The part of the global `Deno` that is used here. */
export interface DenoServe {
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen(): void },
    handler: (request: Request, info: RequestInfo) => Promise<Response>,
  ): DenoServer;
}

/** Serves through the global `Deno`. `permit` throws where Deno may not listen: Deno itself would ask for ever. */
export function denoHttp(deno: Partial<DenoServe>, permit: (address: Address) => void): Http {
  return {
    // deno-lint-ignore require-await -- what it throws is a rejection
    serve: async (address, handler) => {
      permit(address);
      return new Server(deno as DenoServe, address, handler);
    },
  };
}

class Server implements HttpServer {
  readonly address: Address;
  readonly #server: DenoServer;
  readonly #abort = new AbortController();
  /** Answers that have begun and not ended, streams among them. */
  readonly #answers = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(deno: DenoServe, { host, port }: Address, handler: HttpHandler) {
    const options = { hostname: host, port, signal: this.#abort.signal, onListen() {} };
    try {
      this.#server = deno.serve(options, (request, info) => this.#answer(handler, request, info));
    } catch (error) {
      throw listenError(error, host);
    }
    this.address = { host, port: this.#server.addr.port };
  }

  close(graceMs: number): Promise<void> {
    return this.#closing ??= this.#close(graceMs);
  }

  /**
   * Not by `shutdown`: it waits for ever, and whoever aborts the signal after it gets an error that nobody can catch
   * (BadResource, Deno 2.9.6). So the listener goes last, and what comes meanwhile is turned away.
   */
  async #close(graceMs: number): Promise<void> {
    if (this.#answers.size > 0) await within(graceMs, Promise.all(this.#answers));
    this.#abort.abort();
    await this.#server.finished;
  }

  #answer(handler: HttpHandler, request: Request, info: RequestInfo): Promise<Response> {
    if (this.#closing !== undefined) return Promise.resolve(stopping());
    const ended = info.completed.catch(() => {}).then(() => void this.#answers.delete(ended));
    this.#answers.add(ended);
    return answer(handler, request, info);
  }
}

/** Deno has no code for a host that does not resolve. */
function listenError(error: unknown, host: string): unknown {
  if (errorCode(error) !== undefined) return error;
  return Object.assign(errorWithCode(`${(error as Error).message} (${host})`, "ENOTFOUND"), { cause: error });
}
