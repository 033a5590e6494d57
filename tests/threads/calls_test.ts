import { describe, expect, test } from "bun:test";

import * as errors from "../../src/errors.ts";
import { Calls, type MessagePort } from "../../src/threads/calls.ts";
import { receiveError, sendError } from "../../src/threads/error_transport.ts";
import { rejection } from "../fakes/followed.ts";

/** Two ports of which each hears what the other posts, as a copy, a turn later. */
function pair(): [MessagePort, MessagePort] {
  const newPort = (): MessagePort => ({ post: () => {}, onMessage: () => {} });
  const [a, b] = [newPort(), newPort()];
  a.post = (message) => void Promise.resolve(structuredClone(message)).then((copy) => b.onMessage(copy));
  b.post = (message) => void Promise.resolve(structuredClone(message)).then((copy) => a.onMessage(copy));
  return [a, b];
}

interface Service {
  add(numbers: number[]): number;
  later(ms: number): Promise<string>;
  fail(message: string): never;
  note(text: string): void;
}

function stage() {
  const [ours, theirs] = pair();
  const noted: string[] = [];
  const service: Service = {
    add: (numbers) => numbers.reduce((sum, each) => sum + each, 0),
    later: (ms) => new Promise((resolve) => setTimeout(() => resolve(`${ms}`), ms)),
    fail: (message) => {
      throw new errors.StorageError(message, { cause: new RangeError("why") });
    },
    note: (text) => void noted.push(text),
  };
  new Calls<object>(theirs, service as never);
  return { calls: new Calls<Service>(ours, {}), noted };
}

describe("calls", () => {
  test("are answered, each with its own, in whatever order", async () => {
    const { calls } = stage();
    const answers = [calls.call("later", 20), calls.call("add", [1, 2, 3]), calls.call("later", 1)];
    expect(await Promise.all<unknown>(answers)).toEqual(["20", 6, "1"]);
  });

  test("reject with what was thrown, of its class", async () => {
    const { calls } = stage();
    const error = await rejection(calls.call("fail", "no")) as errors.StorageError;
    expect(error).toBeInstanceOf(errors.StorageError);
    expect(error).toMatchObject({ name: "StorageError", message: "no", remedy: "reconnect" });
    expect(error.cause).toMatchObject({ name: "RangeError", message: "why" });
  });

  test("need no answer where they only tell", async () => {
    const { calls, noted } = stage();
    calls.tell("note", "heard");
    await calls.call("add", []);
    expect(noted).toEqual(["heard"]);
  });

  test("that are open reject at the end, and all later ones", async () => {
    const { calls, noted } = stage();
    const open = rejection(calls.call("later", 20));
    calls.end(new errors.ConnectionError("gone"));
    calls.end(new Error("another reason"));
    expect(await open).toMatchObject({ message: "gone" });
    expect(await rejection(calls.call("add", [1]))).toMatchObject({ message: "gone" });
    calls.tell("note", "too late");
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(noted).toEqual([]);
  });
});

describe("an error between threads", () => {
  const classes = Object.entries(errors).filter(([name]) => name !== "SlotcaskError") as [
    string,
    new (message: string, options?: errors.SlotcaskErrorOptions) => errors.SlotcaskError,
  ][];

  test.each(classes)("%s stays what it is", (name, Class) => {
    for (const remedy of ["reconnect", "rebuild", "stop", undefined] as const) {
      const sent = new Class("what", { remedy, cause: new Class("why") });
      const received = receiveError(structuredClone(sendError(sent))) as errors.SlotcaskError;
      expect(received).toBeInstanceOf(Class);
      expect(received).toMatchObject({ name, message: "what", remedy: sent.remedy });
      expect(received.cause).toBeInstanceOf(Class);
    }
  });

  test("that is none of ours keeps name and message", () => {
    const received = receiveError(structuredClone(sendError(new TypeError("no"))));
    expect(received).toMatchObject({ name: "TypeError", message: "no" });
    expect(received).not.toBeInstanceOf(errors.SlotcaskError);
    expect(receiveError(sendError("text"))).toMatchObject({ message: "text" });
  });
});
