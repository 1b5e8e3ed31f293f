/**
 * Servers for a test.
 *
 * @module
 */

/** A server of this machine alone. */
export interface Server extends AsyncDisposable {
  /** Its address, without a slash at its end. */
  readonly url: string;
  /** Its name and port. */
  readonly host: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Serves HTTP at a port that is free, and says nothing of that. */
export function serve(answer: Deno.ServeHandler): Server {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  const host = `127.0.0.1:${server.addr.port}`;
  return { host, url: `http://${host}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** An answer that comes when nobody waits for it any more. */
export function answerLate({ signal }: Request): Promise<Response> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(new Response("late")));
  });
}
