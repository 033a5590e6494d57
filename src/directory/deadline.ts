import { StorageError } from "../errors.ts";

/** Waits for work, but not beyond a moment on the performance clock: then rejects with StorageError. */
export async function within(deadline: number, work: Promise<unknown> | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new StorageError("Cannot close in time: the disk has not finished a sync");
    timer = setTimeout(() => reject(error), Math.max(0, deadline - performance.now()));
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work?.catch(() => {});
  }
}

/** Throws StorageError once a moment on the performance clock has passed. */
export function requireInTime(deadline: number): void {
  if (performance.now() > deadline) {
    throw new StorageError("Cannot close in time: there is too much to write");
  }
}
