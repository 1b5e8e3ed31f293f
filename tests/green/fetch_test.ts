import { spawn } from "@aiohub/aiohub";
import { fetch, type GreenFetchInit, urlopen } from "@aiohub/aiohub/green";
import { assertEquals, assertMatch } from "@std/assert";
import { answerLate, rejection, serve, TestHub } from "../support/mod.ts";

TestHub.shared({ maxWorkers: 1 });

/** What the server below says about a request. */
interface Seen {
  method: string;
  type: string | null;
  extra: string | null;
  body: string;
}

/** A server with an answer of each kind. */
function serveAll() {
  return serve(async (request) => {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/text":
        return new Response("grüße\u{1F600}", { headers: { "x-kind": "text" } });
      case "/json":
        return Response.json({ list: [1, 2, { three: null }] });
      case "/bytes":
        return new Response(Uint8Array.from({ length: 256 }, (_, i) => i));
      case "/large":
        return new Response("x".repeat(1_000_000));
      case "/empty":
        return new Response(null, { status: 204 });
      case "/cookies":
        return new Response("", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
      case "/moved":
        return new Response(null, { status: 302, headers: { location: "/text" } });
      case "/echo": {
        const { method, headers } = request;
        const seen: Seen = {
          method,
          type: headers.get("content-type"),
          extra: headers.get("x-extra"),
          body: await request.text(),
        };
        return Response.json(seen);
      }
      default:
        return new Response("nothing here", { status: 404, statusText: "Not Found" });
    }
  });
}

Deno.test("fetch() gives a response that is read synchronously", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const response = fetch(url);
    const { ok, status, headers, redirected } = response;
    return {
      ok,
      status,
      redirected,
      url: response.url,
      kind: headers.get("x-kind"),
      text: [response.text(), response.text()],
      bytes: response.bytes().length,
    };
  }, `${server.url}/text`);
  assertEquals(await thread, {
    ok: true,
    status: 200,
    redirected: false,
    url: `${server.url}/text`,
    kind: "text",
    text: ["grüße\u{1F600}", "grüße\u{1F600}"],
    bytes: 11,
  });
});

Deno.test("fetch() gives JSON, bytes, large and empty bodies", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => ({
    json: fetch(`${url}/json`).json(),
    bytes: fetch(`${url}/bytes`).bytes(),
    large: fetch(`${url}/large`).text().length,
    empty: [fetch(`${url}/empty`).status, fetch(`${url}/empty`).text()],
  }), server.url);
  assertEquals(await thread, {
    json: { list: [1, 2, { three: null }] },
    bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
    large: 1_000_000,
    empty: [204, ""],
  });
});

Deno.test("fetch() gives a buffer and a blob of the body without a promise", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const response = fetch(`${url}/text`);
    const blob = response.blob();
    new Uint8Array(response.arrayBuffer()).fill(0);
    return {
      buffer: response.arrayBuffer(),
      blob: [blob.size, blob.type, blob.text(), blob.slice(0, 2).text()],
      none: [fetch(`${url}/empty`).blob().type, fetch(`${url}/empty`).arrayBuffer().byteLength],
    };
  }, server.url);
  assertEquals(await thread, {
    buffer: new TextEncoder().encode("grüße\u{1F600}").buffer,
    blob: [11, "text/plain;charset=utf-8", "grüße\u{1F600}", "gr"],
    none: ["", 0],
  });
});

Deno.test("fetch() and urlopen() refuse a Request by name", async () => {
  const request = new Request("data:text/plain,hello");
  const made = spawn((url: string) => fetch(new Request(url) as never).text(), request.url);
  const passed = spawn((request: unknown) => urlopen(request as URL).read(), request);
  assertMatch((await rejection(made, TypeError)).message, /^Cannot fetch\(\) .* found a Request/);
  assertMatch((await rejection(passed, TypeError)).message, /^Cannot urlopen\(\) .* a Request/);
  const other = spawn(() => fetch(5 as never).text());
  assertMatch((await rejection(other, TypeError)).message, /expected a string or a URL, found 5/);
});

Deno.test("fetch() follows redirects and keeps repeated headers", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const moved = fetch(new URL("/moved", url));
    return [moved.redirected, moved.url, fetch(`${url}/cookies`).headers.getSetCookie()];
  }, server.url);
  assertEquals(await thread, [true, `${server.url}/text`, ["a=1", "b=2"]]);
});

Deno.test("fetch() gives the response for an error status", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const { ok, status, statusText } = fetch(url);
    return { ok, status, statusText, text: fetch(url).text() };
  }, `${server.url}/missing`);
  const expected = { ok: false, status: 404, statusText: "Not Found", text: "nothing here" };
  assertEquals(await thread, expected);
});

Deno.test("fetch() sends method, headers and body", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const send = (init: GreenFetchInit): Seen => fetch(url, init).json();
    const method = "POST";
    const form = new URLSearchParams({ a: "1 2", b: "ü" });
    return [
      send({}),
      send({ method, body: "text", headers: { "x-extra": "1" } }),
      send({ method, body: new Uint8Array([104, 105]), headers: [["x-extra", "2"]] }),
      send({ method, body: new TextEncoder().encode("buffer").buffer, headers: new Headers() }),
      send({ method: "PUT", body: form }),
      send({ method, body: form, headers: { "content-type": "text/odd" } }),
    ];
  }, `${server.url}/echo`);
  const form = "application/x-www-form-urlencoded;charset=UTF-8";
  assertEquals(await thread, [
    { method: "GET", type: null, extra: null, body: "" },
    { method: "POST", type: "text/plain;charset=UTF-8", extra: "1", body: "text" },
    { method: "POST", type: null, extra: "2", body: "hi" },
    { method: "POST", type: null, extra: null, body: "buffer" },
    { method: "PUT", type: form, extra: null, body: "a=1+2&b=%C3%BC" },
    { method: "POST", type: "text/odd", extra: null, body: "a=1+2&b=%C3%BC" },
  ]);
});

Deno.test("fetch() throws a TypeError where there is no server, and for what is no URL", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = spawn((url: string) => fetch(url).status, `http://127.0.0.1:${port}/`);
  const error = await rejection(refused, TypeError);
  assertMatch(`${error.message}: ${error.cause}`, /127\.0\.0\.1|refused/);
  await rejection(spawn(() => fetch("not a url").status), TypeError);
});

Deno.test("fetch() is aborted when its green thread is killed", async () => {
  const arrived = Promise.withResolvers<AbortSignal>();
  await using server = serve((request) => {
    arrived.resolve(request.signal);
    return answerLate(request);
  });
  const thread = spawn((url: string) => fetch(url).text(), server.url);
  const signal = await arrived.promise;
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
  thread.kill();
  await thread.then(() => {}, () => {});
  assertEquals(thread.state, "killed");
  await aborted;
});

Deno.test("urlopen() reads a page as in the original's README", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => {
    const opened = urlopen(url);
    return [opened.read(), opened.status, opened.url, opened.headers.get("x-kind")];
  }, `${server.url}/text`);
  assertEquals(await thread, ["grüße\u{1F600}", 200, `${server.url}/text`, "text"]);
});

Deno.test("urlopen() throws for an error status", async () => {
  await using server = serveAll();
  const thread = spawn((url: string) => urlopen(url).read(), `${server.url}/missing`);
  const error = await rejection(thread, Deno.errors.Http);
  assertEquals(error.message, `Cannot open "${server.url}/missing": 404 Not Found`);
});

Deno.test("fetch({ timeout }) and urlopen(url, { timeout }) abort the request when the time is over", async () => {
  const aborted: Promise<unknown>[] = [];
  await using server = serve((request) => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    aborted.push(promise);
    request.signal.addEventListener("abort", () => resolve(new Response("too late")));
    return promise;
  });
  const found = await spawn((url: string) => {
    const calls = [
      () => fetch(url, { timeout: 50 }),
      () => urlopen(url, { timeout: 50 }),
      () => urlopen(url, { signal: AbortSignal.timeout(50) }),
      // deno-lint-ignore no-explicit-any
      () => fetch(url, { timeout: "5" as any }),
      // deno-lint-ignore no-explicit-any
      () => urlopen(url, { timeOut: 5 } as any),
    ];
    return calls.map((call) => {
      try {
        return call();
      } catch (error) {
        return error instanceof Error ? `${error.name}: ${error.message}` : error;
      }
    });
  }, server.url);
  assertEquals(found.slice(0, 2), [
    "Timeout: Timed out after 50 ms",
    "Timeout: Timed out after 50 ms",
  ]);
  assertMatch(String(found[2]), /^TimeoutError: /);
  assertEquals(found.slice(3), [
    'TypeError: Cannot fetch: expected a number of milliseconds for "timeout", found "5"',
    'TypeError: Cannot wait: option "timeOut" is not known: expected timeout, signal',
  ]);
  // The requests were aborted, and not only left.
  await Promise.all(aborted);
  assertEquals(aborted.length, 3);
});

Deno.test("fetch({ timeout }) gives a response that comes in time", async () => {
  await using server = serve(() => new Response("in time"));
  const read = (url: string) => fetch(url, { timeout: 60_000 }).text();
  assertEquals(await spawn(read, server.url), "in time");
});
