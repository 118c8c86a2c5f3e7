// Two ends of a connection inside this process: what is written to one is read from the other. Each is a net.Socket as far as node:http and its
// clients look, connected from the beginning.
import { Socket } from "node:net";

/** @param run  the near end's reader runs inside it: events come in the context of whoever writes, else */
export function createSocketPair(run: (callback: () => void) => void): {
  readonly near: InProcessSocket;
  readonly far: InProcessSocket;
} {
  const [near, far] = [new InProcessSocket(run), new InProcessSocket((callback) => callback())];
  near.connectTo(far);
  far.connectTo(near);
  return { near, far };
}

type Callback = (error?: Error | null) => void;

export class InProcessSocket extends Socket {
  override readonly connecting = false;
  readonly #run: (callback: () => void) => void;
  #isEnded = false;
  #peer: InProcessSocket | undefined;
  /** Of a chunk that the other end has no room for yet. */
  #written: Callback | undefined;

  constructor(run: (callback: () => void) => void) {
    super();
    this.#run = run;
  }

  connectTo(peer: InProcessSocket): void {
    this.#peer = peer;
  }

  override _read(): void {
    this.#peer?.goOn();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, callback: Callback): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
    this.#written = callback;
    if (this.#peer?.receive(bytes) !== false) this.goOn();
  }

  override _writev(
    chunks: readonly { chunk: Buffer | string; encoding: BufferEncoding }[],
    callback: Callback,
  ): void {
    const parts = chunks.map(({ chunk, encoding }) =>
      typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk,
    );
    this._write(Buffer.concat(parts), "binary", callback);
  }

  override _final(callback: Callback): void {
    this.#peer?.receive(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const peer = this.#peer;
    this.#peer = undefined;
    peer?.receive(null);
    this.goOn();
    super._destroy(error, callback);
  }

  /** @returns false when there is no room for more */
  receive(chunk: Buffer | null): boolean {
    if (this.destroyed || this.#isEnded) return true;
    this.#isEnded = chunk === null;
    let hasRoom = true;
    this.#run(() => {
      hasRoom = this.push(chunk);
    });
    return hasRoom;
  }

  /** Lets the writer write on. */
  goOn(): void {
    const written = this.#written;
    this.#written = undefined;
    if (written !== undefined) process.nextTick(written);
  }
}
