import { describe, expect, it } from "vitest";
import { finishReasonOf, tokensOf, usageOf } from "../../../src/server/gateway/model-request.js";
import { openGateway } from "./app.js";
import { sendJson, withUpstream } from "./upstream.js";

const logprobs = (...values: number[]) => ({ content: values.map((logprob) => ({ logprob })) });

describe("the tokens of a response", () => {
  it.each<[string, unknown, unknown[]]>([
    ["a record", { prompt_token_ids: [1], choices: [{ token_ids: [2, 3] }] }, [[1], [2, 3], null]],
    ["a list of one", [{ prompt_token_ids: [1], choices: [{ token_ids: [2] }] }], [[1], [2], null]],
    [
      "a list of pieces",
      [
        { prompt_token_ids: [1, 2], choices: [{ token_ids: [], logprobs: null }] },
        { choices: [{ token_ids: [3], logprobs: logprobs(-1) }] },
        { choices: [{ token_ids: [4, 5], logprobs: logprobs(-2, -3) }] },
        { choices: [], usage: {} },
      ],
      [
        [1, 2],
        [3, 4, 5],
        [-1, -2, -3],
      ],
    ],
    [
      "pieces of which one has no logprobs",
      [{ choices: [{ token_ids: [3], logprobs: logprobs(-1) }] }, { choices: [{ token_ids: [4] }] }],
      [[], [3, 4], null],
    ],
    ["lists by choice", { prompt_token_ids: [[1]], response_token_ids: [[2], [9]] }, [[1], [2], null]],
    ["an empty list", [], [[], [], null]],
    ["a list of anything", [null, 1, "x", []], [[], [], null]],
  ])("are read of %s", (_, response, [promptIds, responseIds, probabilities]) => {
    expect(tokensOf(response)).toEqual({ promptIds, responseIds, logprobs: probabilities });
  });

  it("come with the end that the last piece tells", () => {
    const pieces = [
      { choices: [{ finish_reason: null }] },
      { choices: [{ finish_reason: "stop" }], usage: { a: 1 } },
      {},
    ];
    expect([finishReasonOf(pieces), usageOf(pieces), usageOf([])]).toEqual(["stop", { a: 1 }, null]);
  });

  it("stay in the triplets of a call whose response was a list", async () => {
    const pieces = [
      { prompt_token_ids: [1], choices: [{ token_ids: [2] }] },
      { choices: [{ token_ids: [3] }] },
    ];
    await withUpstream(
      (_, response) => sendJson(response, 200, pieces),
      async (url) => {
        const { call, create, ask } = openGateway();
        await call("POST", "/api/models", [{ model: "m", endpoint: url }]);
        const id = await create();
        expect((await ask(id)).json).toEqual(pieces);
        const [event] = (await call("GET", `/api/rollouts/${id}/events?format=triplet`)).json;
        expect(event.data).toMatchObject({ prompt_token_ids: [1], response_token_ids: [2, 3] });
      },
    );
  });
});
