// Run by file.test.ts in a process whose files may not grow far: enqueues until the store cannot take more.
//   node full-disk.mjs FILE DRIVER
import { openStore } from "../../../dist/store/open-store.js";

const [path, driver] = process.argv.slice(2);
const store = await openStore(`sqlite:${path}`, { driver });
const acknowledged = [];
const codes = new Set();
const input = "x".repeat(20_000);
for (let i = 0; i < 2000 && codes.size === 0; i++) {
  const calls = Array.from({ length: 5 }, () => store.enqueue([{ input }]));
  for (const { status, value, reason } of await Promise.allSettled(calls))
    if (status === "fulfilled") acknowledged.push(value[0].rolloutId);
    else codes.add(reason.code ?? String(reason));
}
const answers = (await store.queryRollouts()).total;
console.log(JSON.stringify({ acknowledged, codes: [...codes], answers }));
await store.close();
