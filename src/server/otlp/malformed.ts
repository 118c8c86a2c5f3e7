// What a client sent is no OTLP: answered with 400 and the reason.

export class MalformedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedError";
  }
}
