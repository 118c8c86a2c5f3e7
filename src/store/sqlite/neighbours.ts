// Hears of other processes on the same file. While somebody waits it looks at the file's data version, which costs microseconds; the
// watchdog's deadlines, which others may have set, are looked up once a second.
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../../base/clock.js";

export interface Neighbours {
  /** Somebody begins to wait. */
  listen(): void;
  close(): void;
}

export interface NeighbourOptions {
  readonly isWaitedFor: () => boolean;
  /** Has another connection committed since our last transaction? */
  readonly hasNews: () => boolean;
  readonly onNews: () => void;
  readonly onSecond: () => void;
}

export function createNeighbours({ isWaitedFor, hasNews, onNews, onSecond }: NeighbourOptions): Neighbours {
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const look = (): void => {
    timer = undefined;
    if (!isWaitedFor()) return;
    if (hasNews()) onNews();
    listen();
  };
  const listen = (): void => {
    if (!isClosed) timer ??= setTimeout(look, kLookMs);
  };
  const seconds = setInterval(onSecond, kSecondMs);
  seconds.unref();
  return {
    listen,
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(seconds);
    },
  };
}

// --- internal ---

const kLookMs = 25;
const kSecondMs = 1000;
