import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../src/store/sqlite/open-sqlite-store.js";
import { temporaryFile } from "../../store/sqlite/temporary-file.js";
import { openGateway } from "./app.js";
import { withUpstream } from "./upstream.js";

describe("models that were registered", () => {
  it("are there for the next server over the same file, in their versions, until they are cleared", async () => {
    await withUpstream(undefined, async (url) => {
      const path = temporaryFile();
      const serveOnce = async (use: (gateway: ReturnType<typeof openGateway>) => Promise<void>) => {
        const store = await openSqliteStore(path);
        await use(openGateway({}, store));
        await store.close();
      };
      await serveOnce(async ({ call }) => {
        const register = (models: object[]) => call("POST", "/api/models", models);
        await Promise.all([
          register([{ model: "m", endpoint: url, version: 1 }]),
          register([{ model: "other", endpoint: url }]),
        ]);
        await register([{ model: "m", endpoint: url, version: 2 }]);
      });
      await serveOnce(async ({ call, create, ask, store }) => {
        const id = await create();
        expect((await ask(id)).status).toBe(200);
        const [event] = (await call("GET", `/api/rollouts/${id}/events`)).json;
        expect(event.data.server).toEqual({ model: "m", endpoint: url, version: 2 });
        expect(await store.getLatestResources()).toBe(null);
        await call("DELETE", "/api/models");
      });
      await serveOnce(async ({ create, ask }) => {
        expect((await ask(await create())).status).toBe(503);
      });
    });
  });

  it.each([{ models: "no JSON", forgotten: "x" }, { models: "[{}]" }, {}, { forgotten: -0.5 }])(
    "are none where somebody else wrote %j",
    async (stats) => {
      const { store, create, ask } = openGateway();
      await store.heartbeat("agentlightning.gateway", stats as Record<string, string>);
      expect((await ask(await create())).status).toBe(503);
    },
  );
});
