/** Requests to the admin that this page came from. @module */
import { askToken } from "./token.js";

/** Where the admin is mounted, with a slash at its end. */
const BASE = location.pathname.replace(/\/?$/, "/");
const TOKEN_KEY = `slotcask-token ${BASE}`;
/** A request that is not a stream is given up after so long, in ms. */
const TIMEOUT_MS = 15_000;

/** An answer that says no, with the code and the message of its JSON. */
export class ApiError extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether a token is kept in this tab. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN_KEY) !== null;
}

/** Forgets the token. */
export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
}

/**
 * Sends a request; asks for the token where one is needed, and sends it again.
 * @param {string} path Relative to where the admin is mounted: `status`.
 * @param {{ method?: string, body?: object, signal?: AbortSignal, stream?: boolean }} [options]
 * @returns {Promise<Response>} Whatever its status, but never 401.
 * @throws ApiError if no token was given; TypeError if the server cannot be reached.
 */
export async function send(path, options = {}) {
  for (let isRefused = false;; isRefused = true) {
    const response = await fetch(BASE + path, requestInit(options));
    if (response.status !== 401) return response;
    const token = await askToken(isRefused || hasToken());
    if (token === undefined) throw await errorOf(response);
    sessionStorage.setItem(TOKEN_KEY, token);
  }
}

/** As {@link send}, for JSON. @throws ApiError unless the answer is a good one. */
export async function sendForJson(path, options) {
  const response = await send(path, options);
  if (!response.ok) throw await errorOf(response);
  return await response.json();
}

/** What an answer that says no means. @param {Response} response @returns {Promise<ApiError>} */
export async function errorOf(response) {
  const { error } = await response.json().catch(() => ({}));
  return new ApiError(response.status, error ?? { code: "http", message: `HTTP status ${response.status}` });
}

function requestInit({ method = "GET", body, signal, stream = false }) {
  const headers = { accept: stream ? "text/event-stream" : "application/json" };
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const signals = [signal, stream ? undefined : AbortSignal.timeout(TIMEOUT_MS)].filter(Boolean);
  return {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.any(signals),
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
  };
}
