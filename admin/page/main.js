/** Asks for the status every second and shows it. @module */
import { showActions, startActions } from "./actions.js";
import { ApiError, errorOf, forgetToken, hasToken, send } from "./api.js";
import { startCharts } from "./charts.js";
import { countersOf } from "./counters.js";
import { announce, byId, setText } from "./dom.js";
import { formatSpan } from "./format.js";
import { History } from "./history.js";
import { showKeyLength, startLookup } from "./lookup.js";
import { showFigures, showOverview, showUnknown } from "./overview.js";
import { forgetPicture, showPicture, startPicture } from "./picture.js";
import { readClock, serverNow } from "./server_clock.js";
import { selectedShard, showShards, startShards } from "./shards.js";
import { startToken } from "./token.js";
import { startWatch } from "./watch.js";

/** Between two polls: as usual, in a hidden tab, and at the most where they fail; in ms. */
const POLL_MS = 1000, HIDDEN_MS = 10_000, FAILING_MS = 15_000;

const history = new History();
let charts;
let latest;
let answeredAtMs;
let failures = 0;
let timer;
let polling;

/** Polls now, or joins the poll that is under way; then again after a while. */
function poll() {
  clearTimeout(timer);
  return polling ??= pollOnce().finally(() => {
    polling = undefined;
    timer = setTimeout(poll, waitMs());
  });
}

function waitMs() {
  if (failures > 0) return Math.min(FAILING_MS, POLL_MS * 2 ** (failures - 1));
  return document.hidden ? HIDDEN_MS : POLL_MS;
}

async function pollOnce() {
  let status;
  try {
    status = await askStatus();
  } catch (error) {
    return showLost(error);
  }
  show(status);
}

async function askStatus() {
  const response = await send("status");
  if (!response.ok) throw await errorOf(response);
  readClock(response);
  return await response.json();
}

function show(status) {
  if (failures > 0) announce("The admin answers again.");
  failures = 0;
  latest = status;
  answeredAtMs = Date.now();
  const nowMs = serverNow();
  byId("lost").hidden = true;
  byId("token-forget").hidden = !hasToken();
  document.body.classList.remove("old");
  history.add(status, nowMs);
  showOverview(status, nowMs);
  showShards(status, nowMs);
  showKeyLength(status.shape);
  charts.draw();
  showSelected();
}

/** The selected shard's counters and slots, and the action on it. */
function showSelected() {
  const shard = latest?.shards[selectedShard()];
  if (shard === undefined) return;
  showFigures(byId("counters"), countersOf(shard, serverNow()));
  showActions(latest, serverNow());
  // A picture that could not be had is asked for again at the next poll; whether the admin is there, that one tells.
  showPicture(shard).catch((error) => {
    if (error instanceof ApiError) setText(byId("slots-summary"), error.message);
  });
}

/** Nothing that is shown is known to hold any longer. */
function showLost(error) {
  failures++;
  const age = answeredAtMs === undefined
    ? ""
    : `What you see is ${formatSpan(Date.now() - answeredAtMs)} old.`;
  const reason = error instanceof ApiError ? error.message : "The admin server does not answer.";
  setText(byId("lost-text"), reason);
  // Apart from what is read out loud, for it changes each time.
  setText(byId("lost-age"), age);
  setText(byId("lost-retry"), error.status === 401 ? "Enter the token" : "Try now");
  byId("lost").hidden = false;
  document.body.classList.add("old");
  showUnknown(latest?.leader);
  if (answeredAtMs === undefined) setText(byId("detail"), "No status yet.");
  history.addGap(serverNow());
  charts.draw();
}

function start() {
  startToken();
  startActions(poll);
  startLookup();
  startWatch();
  startPicture();
  startShards(() => {
    forgetPicture();
    showSelected();
  });
  charts = startCharts(history);
  document.addEventListener("visibilitychange", () => document.hidden || poll());
  byId("lost-retry").addEventListener("click", poll);
  byId("token-forget").addEventListener("click", () => {
    forgetToken();
    poll();
  });
  poll();
}

start();
