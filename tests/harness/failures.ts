/** What something failed with; throws if it did not. */

/** The reason that a promise rejects with. */
export async function rejection<E = Error>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error("Expected a rejection, but it resolved");
}

/** The error that a call throws. */
export function thrownBy<E = Error>(act: () => unknown): E {
  try {
    act();
  } catch (error) {
    return error as E;
  }
  throw new Error("Expected an error, but nothing was thrown");
}
