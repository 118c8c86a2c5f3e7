// The load: connections that each send one request after the other, with new span ids every time, for some seconds.
//   node benchmarks/otlp-client.mjs SPANS ATTRIBUTES CONNECTIONS SECONDS
// Starts the server (a process of its own) first; prints one JSON line. Both share the machine.
import { fork } from "node:child_process";
import { connect } from "node:net";
import { traceRequest } from "./otlp-bodies.mjs";

const [spans, attributes, connections, seconds] = process.argv.slice(2).map(Number);
const server = fork(new URL("./otlp-server.mjs", import.meta.url), { stdio: "inherit" });
const heard = (name) => new Promise((resolve) => server.on("message", (m) => m.name === name && resolve(m)));
const { port, attempts } = await heard("listening");

let nextId = 1;
let sent = 0;
let measured = 0;
let from = Number.POSITIVE_INFINITY;
let until = Number.POSITIVE_INFINITY;
const latencies = [];
const workers = Array.from({ length: connections }, (_, i) => send(attempts[i % attempts.length]));
await new Promise((resolve) => setTimeout(resolve, 1000));
from = performance.now();
until = from + seconds * 1000;
await Promise.all(workers);
const elapsed = (performance.now() - from) / 1000;
server.send("report");
const { kept, cpuSeconds, memoryBytes } = await heard("report");
server.kill();
if (kept !== sent * spans) throw new Error(`expected ${sent * spans} spans in the store, got ${kept}`);
latencies.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    spansPerSecond: (measured * spans) / elapsed,
    megabytesPerSecond:
      (measured * traceRequest({ spans, attributes, ...attempts[0] }).body.length) / elapsed / 1e6,
    p50: latencies[Math.floor(latencies.length / 2)],
    p99: latencies[Math.floor(latencies.length * 0.99)],
    memoryBytes,
    cpuSeconds: cpuSeconds + process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
  }),
);

// --- internal ---

async function send(attempt) {
  const { body, spanIds } = traceRequest({ spans, attributes, ...attempt });
  if (spanIds.length !== spans) throw new Error(`expected ${spans} span ids, got ${spanIds.length}`);
  const head = Buffer.from(
    `POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let answered;
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
    // The answer to protobuf that is kept whole is empty.
    if (!text.endsWith("\r\n\r\n") && !text.endsWith("0\r\n\r\n")) return;
    const answer = text;
    text = "";
    answered(answer);
  });
  while (performance.now() < until) {
    for (const at of spanIds) {
      body.writeUInt32BE(nextId++, at + 4);
      body.writeUInt32BE(0, at);
    }
    const began = performance.now();
    const answer = new Promise((resolve) => {
      answered = resolve;
    });
    socket.write(head);
    socket.write(body);
    const status = await answer;
    if (!status.startsWith("HTTP/1.1 200")) throw new Error(`expected 200, got ${status}`);
    sent++;
    const now = performance.now();
    if (began >= from && now <= until) {
      measured++;
      latencies.push(now - began);
    }
  }
  socket.end();
}
