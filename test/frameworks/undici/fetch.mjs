// undici: its own fetch and request.
import { fetch, request } from "undici";

const url = "https://api.openai.com/v1/chat/completions";
const headers = { "content-type": "application/json", authorization: "Bearer none" };
const body = (content) => JSON.stringify({ model: "gpt-5.2", messages: [{ role: "user", content }] });

// docs: undici
async function ask(question) {
  const { statusCode, body: answer } = await request(url, { method: "POST", headers, body: body(question) });
  return { statusCode, ...(await answer.json()) };
}
// end

async function askByFetch(question) {
  const response = await fetch(url, { method: "POST", headers, body: body(question) });
  return await response.json();
}

const handed = ({ id }) => [{ id }];

export const scenarios = [
  { name: "request", agent: ask, handed },
  { name: "fetch", agent: askByFetch, handed },
];
