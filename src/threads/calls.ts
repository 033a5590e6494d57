/** Calls between a thread and its owner, in both directions. */

import { ClosedError } from "../errors.ts";
import { receiveError, sendError, type SentError } from "./error_transport.ts";

/** What one side answers to: one argument each, and a result that may come later. */
// deno-lint-ignore no-explicit-any
export type Service = Record<string, (argument: any) => unknown>;

/** The way that the messages go. */
export interface MessagePort {
  post(message: unknown): void;
  onMessage: (message: unknown) => void;
}

type Message =
  | { type: "call"; id: number | undefined; name: string; argument: unknown }
  | { type: "answer"; id: number; value?: unknown; error?: SentError };

/** One side: what it asks of `Theirs`, and how it answers. */
export class Calls<Theirs> {
  readonly #port: MessagePort;
  readonly #ours: Service;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;
  #ended: Error | undefined;

  /** Answers from now on. */
  constructor(port: MessagePort, ours: Service) {
    this.#port = port;
    this.#ours = ours;
    port.onMessage = (message) => this.#take(message as Message);
  }

  /** Calls the other side. Rejects with what was thrown there, or with the reason of {@link end}. */
  call<Name extends keyof Theirs & string>(
    name: Name,
    argument: ArgumentOf<Theirs[Name]>,
  ): Promise<ResultOf<Theirs[Name]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#open.set(id, answer);
    this.#port.post({ type: "call", id, name, argument } satisfies Message);
    return answer.promise as Promise<ResultOf<Theirs[Name]>>;
  }

  /** The same, where nobody waits for an answer. */
  tell<Name extends keyof Theirs & string>(name: Name, argument: ArgumentOf<Theirs[Name]>): void {
    if (this.#ended !== undefined) return;
    this.#port.post({ type: "call", id: undefined, name, argument } satisfies Message);
  }

  /** No answer comes any more: open calls reject, and so do all later ones. */
  end(error: Error = new ClosedError("Cannot go on: the thread was closed")): void {
    this.#ended ??= error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  #take(message: Message): void {
    if (message.type === "call") return void this.#answer(message);
    const answer = this.#open.get(message.id);
    this.#open.delete(message.id);
    if (message.error === undefined) answer?.resolve(message.value);
    else answer?.reject(receiveError(message.error));
  }

  async #answer({ id, name, argument }: Message & { type: "call" }): Promise<void> {
    if (id === undefined) {
      this.#ours[name](argument);
      return;
    }
    try {
      const value = await this.#ours[name](argument);
      this.#port.post({ type: "answer", id, value } satisfies Message);
    } catch (error) {
      this.#port.post({ type: "answer", id, error: sendError(error) } satisfies Message);
    }
  }
}

type ArgumentOf<Method> = Method extends (argument: infer Argument) => unknown ? Argument : never;
type ResultOf<Method> = Method extends (argument: never) => infer Result ? Awaited<Result> : never;
