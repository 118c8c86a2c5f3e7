// The connection on which the database tells a store what other stores did. When it is lost it is made again, for as long as it takes.
import type { Database, Session } from "./database.js";
import { DatabaseFailure } from "./failure.js";
import { createPatience } from "./patience.js";

export interface Listener {
  close(): void;
}

/**
 * Listens from now on.
 * @param onBack  listening again after a gap: what happened meanwhile was not heard
 * @throws DatabaseFailure when the first connection fails
 */
export async function createListener(
  database: Database,
  channel: string,
  onPayload: (payload: string) => void,
  onBack: () => void,
): Promise<Listener> {
  const closing = new AbortController();
  let session: Session;
  const listen = async () => {
    session = await database.connect();
    if (closing.signal.aborted) return session.drop();
    // Whoever waits keeps the process alive, not who listens.
    session.hold(false);
    await session.listen(channel, onPayload, () => void again());
  };
  const again = async () => {
    const patience = createPatience({
      timeoutMs: Number.POSITIVE_INFINITY,
      signal: closing.signal,
      isBackground: true,
    });
    while (await patience.isLeft())
      try {
        await listen();
        return onBack();
      } catch (failure) {
        // As long as this lasts, waits look for themselves and report what they find.
        if (!(failure instanceof DatabaseFailure)) throw failure;
        session.drop();
      }
  };
  await listen();
  return {
    close() {
      closing.abort();
      session.drop();
    },
  };
}
