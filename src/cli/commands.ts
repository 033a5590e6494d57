/** The commands, in the order of the help. */

import type { Command } from "./command.ts";
import { command as ctl } from "./ctl.ts";
import { command as demo } from "./demo.ts";
import { command as dump } from "./dump.ts";
import { command as follow } from "./follow.ts";
import { command as get } from "./get.ts";
import { command as inspect } from "./inspect.ts";
import { command as lead } from "./lead.ts";
import { command as status } from "./status.ts";
import { command as verify } from "./verify.ts";

/** See the head of this file. */
export const commands: readonly Command[] = [follow, demo, status, ctl, lead, inspect, verify, get, dump];
