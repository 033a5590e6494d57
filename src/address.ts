import { UsageError } from "./errors.ts";
import type { Address } from "./runtime/runtime.ts";

/**
 * Reads `host:port`, `[v6]:port`, `:port` (this machine) or `armdb://host:port`. Throws UsageError.
 *
 * `anyPort` allows port 0, which asks a listener for a free one.
 */
export function parseAddress(text: string, options: { anyPort?: boolean } = {}): Address {
  const match = /^(?:armdb:\/\/)?(?:\[([^\][]+)\]|([^:[\]/]*)):(\d{1,5})\/?$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535 || (port === 0 && !options.anyPort)) {
    throw new UsageError(
      `Cannot use the address "${text}": it must be host:port, [v6]:port, :port or armdb://host:port, port 1 to 65535`,
    );
  }
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

/** An address as people write it: `host:port`, IPv6 in brackets. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
