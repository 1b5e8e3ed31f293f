/**
 * A small bookkeeping program in synchronous style, as it would come over from another language: it connects, makes
 * tables, books in transactions, runs a prepared statement, reads a cursor with `for…of`, and looks at SQL errors.
 *
 * It runs in a green thread on the async driver `npm:pg`. The only line that knows of that is `hubImport`.
 *
 * @module
 */

import { hubImport, syncToAsync } from "@aiohub/aiohub";

type Values = readonly unknown[];

type Rows = Iterable<Record<string, unknown>>;

interface Result {
  readonly rows: Record<string, unknown>[];
  readonly rowCount: number;
}

/** What the program uses of `pg`, as a synchronous library would have it. */
interface Client {
  connect(): void;
  query(sql: string, values?: Values): Result;
  query(statement: { name: string; text: string; values: Values }): Result;
  query(stream: Rows): Rows;
  on(event: string, listener: (notice: { message: string }) => void): void;
  end(): void;
}

interface Pg {
  readonly default: { readonly Client: new (options: object) => Client };
}

interface PgQueryStream {
  readonly default: new (
    sql: string,
    values?: Values,
    options?: { batchSize: number },
  ) => Rows;
}

/** An account that a transfer would overdraw. */
export class OverdrawnError extends Error {
  override name = "OverdrawnError";
}

class Books {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Runs a function in a transaction; what it throws rolls back. */
  transaction<T>(work: () => T): T {
    this.#client.query("begin");
    try {
      const result = work();
      this.#client.query("commit");
      return result;
    } catch (error) {
      this.#client.query("rollback");
      throw error;
    }
  }

  transfer(from: string, to: string, amount: number): void {
    this.transaction(() => {
      const { rows } = this.#client.query(
        "select balance from account where name = $1 for update",
        [from],
      );
      this.#add(from, -amount);
      this.#add(to, amount);
      if (rows[0].balance as number < amount) throw new OverdrawnError(`${from} has too little`);
    });
  }

  /** A prepared statement: the server parses it once. */
  #add(name: string, amount: number): void {
    this.#client.query({
      name: "add",
      text: "update account set balance = balance + $2 where name = $1",
      values: [name, amount],
    });
  }

  balances(): Record<string, unknown> {
    const { rows } = this.#client.query("select name, balance from account order by name");
    return Object.fromEntries(rows.map(({ name, balance }) => [name, balance]));
  }
}

/** What the program reports. */
export interface Report {
  readonly balances: Record<string, unknown>;
  readonly overdrawn: string;
  readonly prepared: number;
  readonly sum: number;
  readonly firsts: number[];
  readonly error: Record<string, unknown>;
  readonly notices: string[];
  readonly types: Record<string, unknown>;
}

export const keepBooks = syncToAsync(import.meta, function keepBooks(options: object): Report {
  const { Client } = hubImport<Pg>("npm:pg@8").default;
  const { default: QueryStream } = hubImport<PgQueryStream>("npm:pg-query-stream@4");
  const client = new Client(options);
  client.connect();
  try {
    const notices: string[] = [];
    client.on("notice", (notice) => notices.push(notice.message));
    client.query("drop table if exists account");
    client.query("create table account (name text primary key, balance int not null)");
    client.query("insert into account values ('ada', 100), ('bob', 50)");

    const books = new Books(client);
    books.transfer("ada", "bob", 30);
    let overdrawn = "";
    try {
      books.transfer("bob", "ada", 1000);
    } catch (error) {
      if (!(error instanceof OverdrawnError)) throw error;
      overdrawn = error.message;
    }
    const prepared = client.query("select name from pg_prepared_statements").rows.length;

    let sum = 0;
    const numbers = "select n from generate_series(1, $1::int) as n";
    for (const row of client.query(new QueryStream(numbers, [1000], { batchSize: 100 }))) {
      sum += row.n as number;
    }
    const firsts: number[] = [];
    for (const row of client.query(new QueryStream(numbers, [1000000]))) {
      firsts.push(row.n as number);
      if (firsts.length === 3) break;
    }

    const types = client.query(
      `select '2024-02-29T12:00:00Z'::timestamptz as at, decode('00ff', 'hex') as bytes,
              '{"a": [1, null]}'::json as json, null as nothing, 9007199254740993::bigint as big`,
    ).rows[0];
    return {
      balances: books.balances(),
      overdrawn,
      prepared,
      sum,
      firsts,
      error: violate(client),
      notices,
      types,
    };
  } finally {
    client.end();
  }
});

/** Books an account twice, and looks at what the database says to it. */
function violate(client: Client): Record<string, unknown> {
  try {
    client.query("insert into account values ('ada', 1)");
    return {};
  } catch (error) {
    const { name, message, code, detail, table, constraint } = error as Error & Report["error"];
    return { isError: error instanceof Error, name, message, code, detail, table, constraint };
  }
}
