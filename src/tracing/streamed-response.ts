// A response whose body is written while it is read, by one stream alone: what is written while nobody reads goes out as one piece, and whoever
// carries the response to its client ends the body with the call instead of copying it.

export interface StreamedResponse {
  readonly response: Response;
  /** After the end nobody reads it. */
  write(text: string): void;
  end(): void;
}

/** What a body's life hangs on besides its reader. */
export interface BodyLife {
  /** Its abort fails the body. */
  readonly signal: AbortSignal;
  /** The reader went away. */
  stop(reason: unknown): void;
  /** The body was read to its end, or is read no more. */
  release(): void;
  /** What whoever reads is told of the abort. */
  toFailure(message: string, error: unknown): unknown;
}

/** @param onCancel  nobody reads it any more */
export function createStreamedResponse(
  headers: Readonly<Record<string, string>>,
  onCancel: () => void,
): StreamedResponse {
  const body = createBody(onCancel);
  return { response: new ResponseOfPieces(body, headers), write: body.write, end: body.end };
}

/** @returns whether the response is one of these; others are as they were */
export function bindBody(response: Response, life: BodyLife): boolean {
  if (!(response instanceof ResponseOfPieces)) return false;
  response.bind(life);
  return true;
}

// --- internal ---

interface Body {
  readonly stream: ReadableStream<Uint8Array>;
  write(text: string): void;
  end(): void;
  bind(life: BodyLife): void;
}

class ResponseOfPieces extends Response {
  readonly bind: Body["bind"];

  constructor({ stream, bind }: Body, headers: Readonly<Record<string, string>>) {
    super(stream, { headers });
    this.bind = bind;
  }
}

function createBody(onCancel: () => void): Body {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let life: BodyLife | undefined;
  let written = "";
  let [isEnded, isAwaited] = [false, false];
  const give = (): void => {
    isAwaited = written === "" && !isEnded;
    if (isAwaited || controller === undefined) return;
    if (written !== "") {
      const bytes = kEncoder.encode(written);
      written = "";
      controller.enqueue(bytes);
    } else {
      controller.close();
      controller = undefined;
      life?.release();
    }
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (own) => {
        controller = own;
      },
      pull: give,
      cancel: (reason) => {
        controller = undefined;
        onCancel();
        life?.release();
        life?.stop(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return {
    stream,
    write(text) {
      if (controller === undefined) return;
      written += text;
      if (isAwaited) give();
    },
    end() {
      isEnded = true;
      if (isAwaited) give();
    },
    bind(bound) {
      life = bound;
      const { signal } = bound;
      signal.addEventListener("abort", () => {
        if (controller === undefined) return;
        controller.error(bound.toFailure("terminated", signal.reason));
        controller = undefined;
        onCancel();
      });
    },
  };
}

const kEncoder = new TextEncoder();
