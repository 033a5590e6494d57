/** Touches everything that a follower needs: directory, host, port. Prints a line per thing that worked. */

import { detectRuntime } from "../../../src/runtime/mod.ts";
import { lockDirectory } from "../../../src/storage/dir_lock.ts";
import { writeFileAtomic } from "../../../src/storage/atomic_file.ts";

const { files, network, process } = detectRuntime();
const [directory, host, port] = process.args;
const say = (text: string): void => process.writeOut(`${text}\n`);

files.makeDirectory(`${directory}/shard_000`);
const lock = lockDirectory(files, directory, process.pid);
say("locked");
const file = files.open(`${directory}/shard_000/fixed.data`, "create");
files.write(file, new Uint8Array(4_096), 0, 4_096, 0);
await files.sync(file);
files.syncNow(file);
files.close(file);
files.syncDirectory(directory);
await files.syncDirectoryAsync(directory);
writeFileAtomic(files, `${directory}/db.meta`, new Uint8Array(16));
say(`files ${files.list(directory)?.sort().join(" ")}`);
files.remove(`${directory}/shard_000`);
say(`env ${process.env("HOME") ?? "unset"}`);
say(
  `process ${process.pid > 0} ${process.residentBytes() > 0} ${process.isTerminal(1)} ${process.columns()}`,
);
process.onStopSignal(() => {})();
await new Promise<void>((resolve, reject) => {
  const handlers = { onData: () => say("data"), onClose: () => resolve() };
  network.connect({ host, port: Number(port) }, handlers, 5_000).then(() => say("connected"), reject);
});
const denied = { onData: () => {}, onClose: () => {} };
await network.connect({ host, port: 1 }, denied, 5_000).catch((error) => say(`connect ${error.message}`));
await network.listen({ host, port: 2 }, () => denied).catch((error) => say(`listen ${error.message}`));
lock.release();
