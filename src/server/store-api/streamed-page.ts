// A page of any length as an answer that is sent while it is read: what is in memory is one part of it.

import type { ServerResponse } from "node:http";
import { clearTimeout, setTimeout, turn } from "../../base/clock.js";
import { LightningError } from "../../base/error.js";
import { writeSpelled } from "../../base/spelled-integers.js";
import type { Listing } from "../../store/listings.js";
import type { PagingFields } from "../../store/paging.js";

/** What a route may return instead of a value. */
export class StreamedPage {
  readonly #pieces: () => AsyncGenerator<string>;

  private constructor(pieces: () => AsyncGenerator<string>) {
    this.#pieces = pieces;
  }

  /** @param page  limit and offset as they are answered */
  static of<T>(
    listing: Listing<T>,
    toWire: (item: T) => unknown,
    page: { readonly limit: number; readonly offset: number },
    inTurn: InTurn,
  ): StreamedPage {
    return new StreamedPage(() => toPieces(listing, toWire, page, inTurn));
  }

  /** To the socket, no faster than the client reads. @throws when the client is gone or does not read for too long */
  async send(outgoing: ServerResponse, status: number): Promise<void> {
    const pieces = this.#pieces();
    // What fails before the first piece is an answer of its own.
    let next = await pieces.next();
    outgoing.writeHead(status, { "content-type": "application/json" });
    try {
      for (; !next.done; next = await pieces.next())
        if (!outgoing.write(Buffer.from(next.value))) await drained(outgoing);
      outgoing.end();
    } catch (error) {
      // A list that ends early must not look whole.
      outgoing.destroy();
      throw error;
    }
  }

  /** Whole, where there is no socket. */
  async text(): Promise<string> {
    let text = "";
    for await (const piece of this.#pieces()) text += piece;
    return text;
  }
}

/** A page of a list: so short that it is answered at once, or streamed. */
export async function pageOf<T>(
  listing: Listing<T>,
  toWire: (item: T) => unknown,
  { limit, offset = 0 }: PagingFields,
  { part }: ListTurns,
) {
  const page = { limit: limit ?? -1, offset };
  if (page.limit === -1 || page.limit > kShort) return StreamedPage.of(listing, toWire, page, part);
  const items = await listing.read(0, listing.length);
  return { items: items.map(toWire), ...page, total: listing.total };
}

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Of all lists of a server. */
export interface ListTurns {
  /** To settle what a list holds. */
  readonly settle: InTurn;
  /** To read and write a part of one. */
  readonly part: InTurn;
}

export function createListTurns(): ListTurns {
  return { settle: createTurns(), part: createTurns() };
}

// --- internal ---

/** Works one after the other, each in a turn of the loop of its own: however many lists are read, others wait for one part of one list. */
function createTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(() => turn()).then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

const kShort = 200;
const kPart = 100;
const kPatienceMs = 30_000;

async function* toPieces<T>(
  listing: Listing<T>,
  toWire: (item: T) => unknown,
  { limit, offset }: { readonly limit: number; readonly offset: number },
  inTurn: InTurn,
): AsyncGenerator<string> {
  let isFirst = true;
  for (let from = 0; from < listing.length; from += kPart) {
    const text = await inTurn(async () => {
      const items = await listing.read(from, Math.min(from + kPart, listing.length));
      return items.map((item) => writeSpelled(toWire(item))).join(",");
    });
    if (text === "") continue;
    yield `${isFirst ? '{"items":[' : ","}${text}`;
    isFirst = false;
  }
  yield `${isFirst ? '{"items":[' : ""}],"limit":${limit},"offset":${offset},"total":${listing.total}}`;
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      clearTimeout(timer);
      outgoing.off("drain", onDrain);
      outgoing.off("close", onClose);
      finish();
    };
    const onDrain = () => end(resolve);
    const fail = (why: string) =>
      end(() => reject(new LightningError("E_STORE", `a list was cut off: ${why}`)));
    const onClose = () => fail("its client is gone");
    const timer = setTimeout(() => fail(`its client read nothing for ${kPatienceMs / 1000} s`), kPatienceMs);
    outgoing.once("drain", onDrain);
    outgoing.once("close", onClose);
    if (outgoing.destroyed) onClose();
  });
}
