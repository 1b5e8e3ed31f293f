/**
 * The packages without their types, which take the compiler longer than the tests take: green code has none of them anyway.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any

declare const anything: any;
export default anything;
export const drizzle: any;
export const integer: any;
export const Kysely: any;
export const pgTable: any;
export const PGlite: any;
export const PGliteDialect: any;
export const PostgresDialect: any;
export const serial: any;
export const text: any;
