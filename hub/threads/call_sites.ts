/**
 * Asks blocked threads for their call sites, for the message of a deadlock.
 *
 * Nobody keeps call sites: to take a stack at each wait would cost more than the wait. A thread in a circle is blocked, and
 * its Worker takes in messages, so it can still be asked. A thread that does not answer soon is left out of the message.
 *
 * @module
 */

import { EMPTY } from "../../bridge/wire/message.ts";
import { Down } from "../../bridge/protocol/messages.ts";
import type { HubThread } from "../records/thread.ts";
import { settlesWithin } from "../base/time.ts";

/** The time for the answers, in milliseconds. */
const PATIENCE = 250;

/** The same if one of the threads was killed: if it leaves its wait, there is no circle, and its answer says so. */
const PATIENCE_WITH_KILLED = 10_000;

/** The most threads that are asked: nobody reads more sites than that. */
const MOST = 16;

/** The sites at which threads are blocked: URL, line and column. */
export type Sites = ReadonlyMap<HubThread, string>;

/** The questions for sites that one hub has asked. */
export class CallSites {
  /** The receivers of the answers, by the ids of the threads. */
  readonly #asked = new Map<number, Set<(site: string) => void>>();

  /** Asks threads for their sites; gives those that have answered, in the given order. */
  async of(threads: readonly HubThread[]): Promise<Sites> {
    const asked = [...new Set(threads)].slice(0, MOST);
    const answers = asked.map((thread) => this.#ask(thread));
    const patience = asked.some(({ killed }) => killed) ? PATIENCE_WITH_KILLED : PATIENCE;
    await settlesWithin(Promise.all(answers.map(({ answered }) => answered)), patience);
    const sites = new Map<HubThread, string>();
    asked.forEach((thread, i) => {
      const { site } = answers[i];
      if (site) sites.set(thread, site);
      this.#asked.delete(thread.id);
    });
    return sites;
  }

  /** Takes the answer of a thread: its site, or an empty text if it cannot tell. */
  take(id: number, site: string): void {
    this.#asked.get(id)?.forEach((answer) => answer(site));
  }

  #ask({ id, worker }: HubThread): { site: string; readonly answered: Promise<void> } {
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const question = { site: "", answered };
    // A thread for async work has no stack, and a thread that has ended has no site.
    if (!worker || worker.dead) {
      resolve();
      return question;
    }
    const waiting = this.#asked.get(id) ?? new Set();
    this.#asked.set(id, waiting);
    waiting.add((site) => {
      question.site = site;
      resolve();
    });
    worker.post.send(Down.Where, id, 0, 0, EMPTY);
    return question;
  }
}

/** Makes the lines of a message that tell where threads are blocked. */
export function describeSites(sites: Sites): string {
  return [...sites].map(([{ name }, site]) => `\n    "${name}" at ${site}`).join("");
}
