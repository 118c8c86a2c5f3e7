// Which weights a model began with: a digest of the tensors that the network reads, whatever files they lie in.
//   SHA-256 of, for each tensor in the order of the network, its name, type and shape and the SHA-256 of each of its pieces
// Pieces are hashed side by side on Node's own threads; the loop runs on meanwhile. Half a billion weights in bf16 take 1.0 s of processor
// time where it has SHA instructions, divided by the threads.
import { createHash, webcrypto } from "node:crypto";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { ModelFolder, TensorLocation } from "./model-folder.js";

/** @returns the digest as hex digits, or why there is none; computed when it is first asked for */
export type BaseDigest = () => Promise<{ readonly sha256: string } | { readonly problem: string }>;

/** @param folder  as it was read: files that change before the digest is asked for have none */
export function createBaseDigest(folder: ModelFolder): BaseDigest {
  const signs = signsOf(folder);
  // What nobody asks for fails silently.
  signs.catch(() => undefined);
  let known: ReturnType<BaseDigest> | undefined;
  return () => {
    known ??= digestOf(folder, signs);
    return known;
  };
}

// --- internal ---

const kPieceBytes = 2 ** 20;
const kWorkers = 4;

async function digestOf(
  folder: ModelFolder,
  signs: Promise<readonly string[]>,
): Promise<{ readonly sha256: string } | { readonly problem: string }> {
  const handles: FileHandle[] = [];
  try {
    await checkSame(folder, signs);
    for (const file of folder.files) handles.push(await open(file, "r"));
    const pieces = await hashPieces(handles, toPieces(folder.tensors));
    await checkSame(folder, signs);
    return { sha256: combine(folder.tensors, pieces) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const handle of handles) await handle.close();
  }
}

async function checkSame(folder: ModelFolder, signs: Promise<readonly string[]>): Promise<void> {
  const [before, now] = await Promise.all([signs, signsOf(folder)]);
  const changed = folder.files.find((_, i) => now[i] !== before[i]);
  if (changed !== undefined) throw new Error(`${changed} has changed since it was loaded`);
}

/** Changes when the file does. */
function signsOf({ files }: ModelFolder): Promise<readonly string[]> {
  return Promise.all(
    files.map(async (file) => {
      const { dev, ino, size, mtimeMs } = await stat(file);
      return `${dev} ${ino} ${size} ${mtimeMs}`;
    }),
  );
}

interface Piece {
  readonly file: number;
  readonly begin: number;
  readonly bytes: number;
}

function toPieces(tensors: readonly TensorLocation[]): readonly Piece[] {
  return tensors.flatMap(({ file, begin, ...tensor }) => {
    const whole = bytesOf(tensor);
    return Array.from({ length: Math.ceil(whole / kPieceBytes) }, (_, i) => ({
      file,
      begin: begin + i * kPieceBytes,
      bytes: Math.min(kPieceBytes, whole - i * kPieceBytes),
    }));
  });
}

function bytesOf({ rows, columns, dtype }: Pick<TensorLocation, "rows" | "columns" | "dtype">): number {
  return rows * columns * (dtype === "f32" ? 4 : 2);
}

async function hashPieces(
  handles: readonly FileHandle[],
  pieces: readonly Piece[],
): Promise<readonly Uint8Array[]> {
  const hashes: Uint8Array[] = [];
  let next = 0;
  const work = async () => {
    const buffer = new Uint8Array(kPieceBytes);
    for (let i = next++; i < pieces.length; i = next++) {
      const { file, begin, bytes } = pieces[i] as Piece;
      const piece = buffer.subarray(0, bytes);
      await readWhole(handles[file] as FileHandle, piece, begin);
      hashes[i] = new Uint8Array(await webcrypto.subtle.digest("SHA-256", piece));
    }
  };
  await Promise.all(Array.from({ length: kWorkers }, work));
  return hashes;
}

async function readWhole(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new Error("a file of the model was cut short since it was loaded");
    done += bytesRead;
  }
}

function combine(tensors: readonly TensorLocation[], pieces: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  let next = 0;
  for (const tensor of tensors) {
    const { name, dtype, rows, columns } = tensor;
    hash.update(`${name}\n${dtype} ${rows} ${columns}\n`);
    const count = Math.ceil(bytesOf(tensor) / kPieceBytes);
    for (const piece of pieces.slice(next, next + count)) hash.update(piece);
    next += count;
  }
  return hash.digest("hex");
}
