/** What may be asked of the follower, each behind a dialog that says what will happen. @module */
import { sendForJson } from "./api.js";
import { announce, byId, make, setText } from "./dom.js";
import { formatClock, formatMoment } from "./format.js";
import { showProgress } from "./overview.js";
import { selectedShard } from "./shards.js";
import { jobWords } from "./words.js";

/** Results that are kept. */
const MOST_RESULTS = 8;

/** Each action: its route, the words of its button, what happens, and what is said afterwards. */
const ACTIONS = [
  {
    name: "rescan",
    button: () => "Rescan all shards",
    text: () =>
      "Every shard is scanned again, whole. Reads go on; the leader sends all of its slots once more.",
    begun: "A rescan of all shards has begun: its progress stands at the top and in the table.",
  },
  {
    name: "rescan",
    id: "rescan-shard",
    button: () => `Rescan shard ${selectedShard()}`,
    text: () => `Shard ${selectedShard()} is scanned again, whole. Reads go on.`,
    body: () => ({ shard: selectedShard() }),
    begun: "A rescan of the shard has begun.",
  },
  {
    name: "verify",
    button: () => "Verify",
    text: () =>
      "The checksum of every slot is checked in the background. A damaged slot is no longer served, " +
      "and its shard is scanned again.",
    begun: "The verify has begun.",
  },
  {
    name: "backup",
    button: () => "Back up",
    text: () =>
      "A consistent copy goes to a new folder below the one that the follower was started with. " +
      "Following goes on.",
    begun: "The backup has begun.",
  },
  {
    name: "pause",
    button: () => "Pause",
    text: () => "All links to the leader are closed. Reads go on, and the copy ages, until you resume.",
    done: "Paused.",
  },
  {
    name: "resume",
    button: () => "Resume",
    text: () => "The links to the leader are opened again, and the copy catches up.",
    done: "Resumed.",
  },
  {
    name: "retarget",
    button: () => "Change leader",
    text: () =>
      "Goes over to another leader of the same shape, and back to this one if that fails. " +
      "What the new leader does not hold goes away as after any whole scan.",
    body: () => ({ leader: byId("confirm-input").value.trim() }),
    field: true,
    done: "The follower has another leader now.",
  },
];

const buttons = new Map();

/** Makes the buttons; `onDone` is called after each action. */
export function startActions(onDone) {
  for (const action of ACTIONS) {
    const button = make("button", {
      type: "button",
      id: `action-${action.id ?? action.name}`,
      text: action.button(),
    });
    button.addEventListener("click", async () => {
      if (!await confirmAction(action)) return;
      await run(action, button);
      onDone();
    });
    buttons.set(action, button);
    byId("actions").append(button);
  }
  byId("confirm-cancel").addEventListener("click", () => byId("confirm-dialog").close(""));
  byId("confirm-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("confirm-dialog").close("yes");
  });
}

/** Shows verify and backup, and offers either pause or resume. */
export function showActions(status, nowMs) {
  for (const [action, button] of buttons) setText(button, action.button());
  const pauseAndResume = [byId("action-pause"), byId("action-resume")];
  showFirst(...status.paused ? pauseAndResume.reverse() : pauseAndResume);
  const jobs = [["Verify", status.verify], ["Backup", status.backup]].filter(([, job]) => job !== null);
  showProgress(byId("jobs"), jobs.map(([name, job]) => jobBar(name, job, nowMs)));
}

/** Pause and resume take each other's place: the focus goes along. */
function showFirst(shown, other) {
  const hadFocus = document.activeElement === other;
  shown.hidden = false;
  other.hidden = true;
  if (hadFocus) shown.focus();
}

function jobBar(name, job, nowMs) {
  const { position, slots, endedAtMs } = job;
  return { name, text: jobWords(name, job, nowMs), position, slots, isOver: endedAtMs !== null };
}

function confirmAction(action) {
  const dialog = byId("confirm-dialog");
  setText(byId("confirm-title"), `${action.button()}?`);
  setText(byId("confirm-text"), action.text());
  setText(byId("confirm-yes"), action.button());
  byId("confirm-field").hidden = !action.field;
  byId("confirm-input").required = action.field === true;
  byId("confirm-input").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  if (!action.field) byId("confirm-cancel").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function run(action, button) {
  const body = action.body?.() ?? {};
  button.disabled = true;
  try {
    await sendForJson(`v1/${action.name}`, { method: "POST", body });
    showResult(
      action,
      action.begun === undefined
        ? { word: "Done", tone: "good", text: action.done }
        : { word: "Started", tone: "busy", text: action.begun },
    );
  } catch (error) {
    const isRefused = error.status >= 400 && error.status < 500;
    showResult(action, { word: isRefused ? "Refused" : "Failed", tone: "bad", text: error.message });
  }
  button.disabled = false;
  // A button that is disabled loses the focus.
  if (document.activeElement === document.body) button.focus();
}

function showResult(action, { word, tone, text }) {
  const nowMs = Date.now();
  byId("results-title").hidden = false;
  byId("results").prepend(make(
    "li",
    {},
    make("span", { class: "state", "data-tone": tone, text: word }),
    make("time", { text: formatClock(nowMs), title: formatMoment(nowMs) }),
    make("strong", { text: action.button() }),
    make("p", { text }),
  ));
  while (byId("results").children.length > MOST_RESULTS) byId("results").lastElementChild.remove();
  announce(text);
}
