// A response whose body is all there when it is made. As a plain Response it costs a stream for the body and one more for whoever reads it; here the
// text is kept, and a stream is made only for a reader who wants one.

export interface JsonResponseInit {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As Response.json. */
export function jsonResponse(value: unknown, init: JsonResponseInit = {}): Response {
  const headers = { "content-type": "application/json", ...init.headers };
  return asResponse(new WholeResponse(JSON.stringify(value), { status: init.status ?? 200, headers }));
}

/** Of a request that can only fail the same way when a client's retries repeat it. */
export function finalFailure(value: unknown, status: number): Response {
  return jsonResponse(value, { status, headers: { "x-should-retry": "false" } });
}

/** The body's text where it is all there, which counts as read then; undefined where it is not, or was read before. */
export function takeText(response: Response): string | undefined {
  return response instanceof WholeResponse ? response.take() : undefined;
}

// --- internal ---

/** What is overridden below is a property to TypeScript, and an accessor or a method in truth. */
const BareResponse = Response as unknown as new (body: null, init: ResponseInit) => object;

class WholeResponse extends BareResponse {
  readonly #text: string;
  #stream: ReadableStream<Uint8Array> | undefined;
  #isRead = false;

  constructor(text: string, init: ResponseInit) {
    super(null, init);
    this.#text = text;
  }

  take(): string | undefined {
    if (this.bodyUsed) return undefined;
    this.#isRead = true;
    return this.#text;
  }

  get body(): ReadableStream<Uint8Array> {
    this.#stream ??= streamOf(this.#text);
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#isRead || (this.#stream?.locked ?? false);
  }

  clone(): Response {
    if (this.bodyUsed) throw new TypeError("clone: expected a body that was not read, got one that was");
    const { status, statusText, headers } = asResponse(this);
    return asResponse(new WholeResponse(this.#text, { status, statusText, headers }));
  }

  async text(): Promise<string> {
    const text = this.take();
    if (text === undefined) throw new TypeError("text: expected a body that was not read, got one that was");
    return text;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array> {
    return new TextEncoder().encode(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new TextEncoder().encode(await this.text()).buffer;
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.text()], { type: asResponse(this).headers.get("content-type") ?? "" });
  }
}

function asResponse(whole: WholeResponse): Response {
  return whole as unknown as Response;
}

function streamOf(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}
