import type { EndReason } from "../replication/effect.ts";
import type {
  ConversationParts,
  End,
  LeaderShared,
  LinkConversation,
  SessionView,
} from "../replication/link_shared.ts";
import { asError } from "../error_code.ts";
import type { Calls } from "./calls.ts";
import { receiveError } from "./error_transport.ts";
import type { ConversationEvent, ThreadService } from "./messages.ts";

/** A conversation that a thread holds, as its link sees it. */
export class ThreadConversation implements LinkConversation {
  session: SessionView | undefined;
  connectedAt: number | undefined;
  readonly ended: Promise<End>;
  readonly #key: number;
  readonly #thread: Calls<ThreadService>;
  readonly #shared: LeaderShared;
  readonly #parts: ConversationParts;
  #resolveEnd!: (end: End) => void;

  /** A conversation that begins with {@link start}; `key` tells it from all others. */
  constructor(key: number, thread: Calls<ThreadService>, shared: LeaderShared, parts: ConversationParts) {
    this.#key = key;
    this.#thread = thread;
    this.#shared = shared;
    this.#parts = parts;
    this.ended = new Promise((resolve) => this.#resolveEnd = resolve);
  }

  start(): void {
    const { address, leader, versions, settings } = this.#shared;
    const { shard, isSide, counters } = this.#parts;
    this.#thread.call("converse", {
      key: this.#key,
      shard,
      isSide,
      counters: counters.memory,
      address,
      leader,
      version: versions.current,
      nudgeMs: settings.nudgeMs(),
    }).then(
      ({ reason, error }) =>
        this.#resolveEnd({ reason, ...error === undefined ? {} : { error: receiveError(error) } }),
      (error) => this.#resolveEnd({ reason: "error", error: asError(error) }),
    );
  }

  end({ reason }: { reason: EndReason }): void {
    this.#thread.tell("end", { key: this.#key, reason });
  }

  /** Ends it with an error of ours. */
  fail(error: Error): void {
    this.#resolveEnd({ reason: "error", error });
    this.end({ reason: "error" });
  }

  /** Passes on what the thread has heard. */
  hear(event: ConversationEvent): void {
    const { listener } = this.#parts;
    switch (event.type) {
      case "connected":
        this.connectedAt = this.#shared.now();
        this.session = NEW_SESSION;
        return listener.onConnected();
      case "progress":
        this.#show({ phase: event.phase, hasStreamed: event.hasStreamed });
        return listener.onProgress(this.session!);
      case "greeted":
        this.#show({ info: event.info });
        return listener.onGreeted(event.info);
      case "scanned":
        return listener.onScanned(event.result, event.cameAtMs);
      case "suspect-drops":
        return listener.onSuspectDrops();
    }
  }

  #show(changed: Partial<SessionView>): void {
    this.session = { ...this.session ?? NEW_SESSION, ...changed };
  }
}

const NEW_SESSION: SessionView = { phase: "greeting", hasStreamed: false, info: undefined };
