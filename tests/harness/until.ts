/** Resolves as soon as a condition holds, asked every few ms; rejects after `withinMs`, saying what was awaited. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  what = String(condition),
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
