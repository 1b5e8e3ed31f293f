/**
 * Messages in debug mode about errors that have lost their class: one for each class.
 *
 * The hub sees all errors that cross, so it tells of both directions. A Worker tells only of classes that it cannot find itself.
 *
 * @module
 */

type Say = (message: string) => void;

const said = new Set<string>();
let say: Say | undefined;
let sayNotFound: Say | undefined;

/**
 * Has losses told from now on.
 *
 * @param by Prints a message.
 * @param all Whether all losses are told, and not only of classes that are not found here.
 */
export function sayClassLosses(by: Say, all: boolean): void {
  sayNotFound = by;
  if (all) say = by;
}

function once(say: Say | undefined, message: string): void {
  if (!say || said.has(message)) return;
  said.add(message);
  say(message);
}

/** Tells of a class that the other side does not know: neither exported, as far as this library sees, nor registered. */
export function noteLostClass(name: string): void {
  once(
    say,
    `An error loses its class "${name}" on the other side: "instanceof ${name}" is false there. Export the class from the module of ` +
      `the green function or asyncToSync() function that throws the error, or ${register(name)}`,
  );
}

/** Tells of a class that a module exports which this side has not loaded, as far as this library sees. */
export function noteClassNotFound(name: string, url: string): void {
  once(
    sayNotFound,
    `An error has lost its class "${name}" on this side: "instanceof ${name}" is false here. "${url}" exports the class, but this ` +
      `side uses no green function and no asyncToSync() function of that module: ${register(name)}`,
  );
}

/** Tells of a class whose errors arrive, but leave their private fields behind. */
export function notePrivateFields(name: string): void {
  once(
    say,
    `An error of class "${name}" loses its private fields, which cannot be sent: ${register(name)}`,
  );
}

function register(name: string): string {
  return `call registerClass(${name}, { name, toWire, fromWire }) in a module that both sides import`;
}
