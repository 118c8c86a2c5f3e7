// One live line on a terminal, plain lines elsewhere. Writes to stderr, so that a program's own output stays clean.

export interface Progress {
  /** What is going on now; on a terminal it replaces the line before it, elsewhere it is not written. */
  update(text: string): void;
  /** A line that stays. */
  line(text: string): void;
  close(): void;
}

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function createProgress(stream: ProgressStream = process.stderr): Progress {
  const live = stream.isTTY === true;
  let shown = false;
  const clear = () => {
    if (shown) stream.write("\r\u001b[2K");
    shown = false;
  };
  return {
    update(text) {
      if (!live) return;
      clear();
      // Some terminals say that they are 0 wide: they do not know.
      stream.write(text.slice(0, Math.max(1, (stream.columns || kColumns) - 1)));
      shown = true;
    },
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    close: clear,
  };
}

const kColumns = 80;

const nothing = () => undefined;
export const silent: Progress = { update: nothing, line: nothing, close: nothing };
