// A store server in a process of its own, from the built package; killed-server.test.ts starts and kills it.
//   node serve-process.mjs STORE PORT   prints its address
import { serve } from "../../../dist/server/store-api/serve.js";
import { openStore } from "../../../dist/store/open-store.js";

const [url, port] = process.argv.slice(2);
const server = await serve({ store: await openStore(url), port: Number(port) });
process.stdout.write(`${server.url}\n`);
