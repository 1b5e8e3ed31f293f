/**
 * Fetching, as if it were synchronous.
 *
 * @module
 */

import {
  checkOptionsObject,
  checkSignal,
  checkTime,
  checkWaiting,
  show,
  WAIT_KEYS,
  type WaitOptions,
} from "../bridge/checks.ts";
import type { SyncBlob } from "../bridge/references/blob_types.ts";
import { blockingBlob } from "../bridge/memory/blobs.ts";
import { remoteOf } from "../bridge/references/remote_object.ts";
import { servedTarget } from "../bridge/protocol/served.ts";
import { blocking } from "../bridge/side/side.ts";

/**
 * A response that has arrived in full: reading it blocks nobody.
 *
 * @category Calls
 */
export interface GreenResponse {
  /** Whether the status is from 200 to 299. */
  readonly ok: boolean;
  /** The status code: 200 and the like. */
  readonly status: number;
  /** The status in words. */
  readonly statusText: string;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Whether the request was redirected. */
  readonly redirected: boolean;
  /** The headers. */
  readonly headers: Headers;
  /**
   * Gives the body as text.
   *
   * @returns The text, decoded as UTF-8.
   */
  text(): string;
  /**
   * Parses the body as JSON.
   *
   * @returns The value.
   * @throws {SyntaxError} If the body is no JSON.
   */
  // deno-lint-ignore no-explicit-any
  json(): any;
  /**
   * Gives the body's bytes.
   *
   * @returns The bytes: the same ones each time.
   */
  bytes(): Uint8Array;
  /**
   * Copies the body's bytes.
   *
   * @returns The bytes, in a buffer of their own.
   */
  arrayBuffer(): ArrayBuffer;
  /**
   * Gives the body as a blob, which is read without a promise too.
   *
   * @returns The blob. Its type is the `content-type` of the response.
   */
  blob(): SyncBlob;
}

/**
 * Options of {@linkcode fetch}. `timeout` is for the whole response; it and `signal` abort the request, as a kill or a timeout of
 * the thread does.
 *
 * @category Calls
 */
export interface GreenFetchInit extends WaitOptions {
  /**
   * The method.
   *
   * @default {"GET"}
   */
  method?: string;
  /** The headers. */
  headers?: Headers | Record<string, string> | [string, string][];
  /** The body. */
  body?: string | Uint8Array<ArrayBuffer> | ArrayBuffer | URLSearchParams | Blob | FormData;
  /**
   * The way to handle a redirect.
   *
   * @default {"follow"}
   */
  redirect?: "follow" | "error" | "manual";
}

/** The keys of {@linkcode GreenFetchInit}, and those that the platform's `fetch()` knows besides. */
const FETCH_KEYS = [
  ...WAIT_KEYS,
  "method",
  "headers",
  "body",
  "redirect",
  "cache",
  "client",
  "credentials",
  "duplex",
  "integrity",
  "keepalive",
  "mode",
  "priority",
  "referrer",
  "referrerPolicy",
  "window",
];

/** A response as it crosses. */
interface WireResponse {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: [string, string][];
  readonly body: Uint8Array<ArrayBuffer>;
}

const target = servedTarget("fetch");

/**
 * Fetches a URL on the hub and blocks this green thread until the whole response is there. A kill or a timeout aborts
 * the request. Inline functions that name `fetch` without importing it get this one; the platform's is `globalThis.fetch`.
 *
 * @param url The URL to fetch. No `Request`, whose body green code could not read: its method, headers and body go into `init`.
 * @param init Method, headers and body, and the limits: see {@linkcode GreenFetchInit}.
 * @returns The response. It is no promise, and to `await` it does no harm.
 * @throws {TypeError} If the server cannot be reached, the URL is not valid or no URL, or an option has the wrong type or is not
 * known.
 * @throws {Timeout} If the whole response was not there in time.
 * @throws The reason of `init.signal`: for `AbortSignal.timeout(ms)` a `DOMException` named `"TimeoutError"`.
 * @throws {BlockingCallError} If it is called on the hub: use the global `fetch()` there.
 *
 * @example Fetch in a green thread
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { fetch } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = Deno.serve({ port: 0, onListen() {} }, () => new Response("hello"));
 * const url = `http://127.0.0.1:${server.addr.port}/`;
 * assertEquals(await spawn((url: string) => fetch(url).text(), url), "hello");
 * ```
 *
 * @category Calls
 */
export function fetch(url: string | URL, init: GreenFetchInit = {}): GreenResponse {
  const green = blocking("fetch()", "await globalThis.fetch()");
  checkUrl("fetch", url);
  checkOptionsObject("fetch", init, "{ timeout: 1000 }", FETCH_KEYS);
  if (init.timeout !== undefined) checkTime("fetch", init.timeout, "timeout");
  // `null` is no signal, as in the platform's `fetch()`.
  checkSignal("fetch", init.signal ?? undefined);
  const headers = init.headers === undefined ? undefined : [...new Headers(init.headers)];
  const body = init.body instanceof URLSearchParams ? String(init.body) : init.body;
  if (init.body instanceof URLSearchParams && !headers?.some(([name]) => name === "content-type")) {
    const form: [string, string] = [
      "content-type",
      "application/x-www-form-urlencoded;charset=UTF-8",
    ];
    return respond(green.call(target, [String(url), {
      ...init,
      headers: [...headers ?? [], form],
      body,
    }]));
  }
  return respond(green.call(target, [String(url), { ...init, headers, body }]));
}

/** Refuses an input that types do not check: a request, or a handle to one, would be sent as the text `[object Request]`. */
function checkUrl(action: string, url: unknown): void {
  if (typeof url === "string" || url instanceof URL) return;
  const found = url instanceof Request || typeof url === "object" && url !== null && remoteOf(url)
    ? "a Request or a handle"
    : show(url);
  throw new TypeError(
    `Cannot ${action}() in green code: expected a string or a URL, found ${found}: pass the parts of a request: ` +
      "fetch(request.url, { method, headers, body })",
  );
}

function respond(value: unknown): GreenResponse {
  const { body, status, ...rest } = value as WireResponse;
  const headers = new Headers(rest.headers);
  const text = () => new TextDecoder().decode(body);
  return {
    ...rest,
    status,
    ok: status >= 200 && status <= 299,
    headers,
    text,
    json: () => JSON.parse(text()),
    bytes: () => body,
    arrayBuffer: () => body.slice().buffer,
    blob: () => blockingBlob(new Blob([body], { type: headers.get("content-type") ?? "" })),
  };
}

/**
 * The response of {@linkcode urlopen}, to be read like a file.
 *
 * @category Calls
 */
export interface OpenedUrl {
  /** The status code. */
  readonly status: number;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** The headers. */
  readonly headers: Headers;
  /**
   * Reads the whole body.
   *
   * @returns The text, decoded as UTF-8.
   */
  read(): string;
}

/**
 * Opens a URL, as the original's README does: `urlopen(url).read()`.
 *
 * @param url The URL to fetch.
 * @param options See {@linkcode WaitOptions}.
 * @returns The response.
 * @throws {Timeout} If the whole response was not there in time.
 * @throws {Deno.errors.Http} If the status is 400 or more, as Python's `urlopen` does.
 * @throws {TypeError} If the server cannot be reached, or the URL is not valid.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Read a page
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { urlopen } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = Deno.serve({ port: 0, onListen() {} }, () => new Response("hello"));
 * const url = `http://127.0.0.1:${server.addr.port}/`;
 * assertEquals(await spawn((url: string) => urlopen(url).read(), url), "hello");
 * ```
 *
 * @category Calls
 */
export function urlopen(url: string | URL, options?: WaitOptions): OpenedUrl {
  blocking("urlopen()", "await fetch()");
  checkUrl("urlopen", url);
  checkWaiting(options);
  const response = fetch(url, options);
  const { status, statusText, headers } = response;
  if (status >= 400) {
    throw new Deno.errors.Http(`Cannot open "${response.url}": ${status} ${statusText}`);
  }
  return { status, url: response.url, headers, read: () => response.text() };
}
