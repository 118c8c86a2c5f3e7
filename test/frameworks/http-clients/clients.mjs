// Clients of node:http: axios, got, node-fetch, and an SDK on the last (openai 4).
import axios from "axios";
import got from "got";
import fetch from "node-fetch";
import OpenAI from "openai";

const url = "https://api.openai.com/v1/chat/completions";
const headers = { "content-type": "application/json", authorization: "Bearer none" };
const toRequest = (content, more) => ({ model: "gpt-5.2", messages: [{ role: "user", content }], ...more });

// docs: http-clients
async function ask(question) {
  const { data } = await axios.post(url, toRequest(question), { headers });
  return data;
}
// end

async function askByNodeFetch(question) {
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(toRequest(question)) });
  return await response.json();
}

const askByGot = (question) => got.post(url, { headers, json: toRequest(question) }).json();

const client = new OpenAI();
const askByOpenAI = (question) => client.chat.completions.create(toRequest(question));

/** @param body  of the response: an iterable of bytes */
async function readStream(body) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) text += decoder.decode(bytes, { stream: true });
  const events = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json));
  const pieces = events.map(({ choices }) => choices[0]?.delta.content ?? "");
  return { id: events[0].id, pieces, text: pieces.join("") };
}

const toStream = (question) => toRequest(question, { stream: true });

async function streamByAxios(question) {
  const { data } = await axios.post(url, toStream(question), { headers, responseType: "stream" });
  return await readStream(data);
}

async function streamByNodeFetch(question) {
  const body = JSON.stringify(toStream(question));
  const response = await fetch(url, { method: "POST", headers, body });
  return await readStream(response.body);
}

const streamByGot = (question) => readStream(got.stream.post(url, { headers, json: toStream(question) }));

async function streamByOpenAI(question) {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create(toStream(question))) chunks.push(chunk);
  const pieces = chunks.map(({ choices }) => choices[0]?.delta.content ?? "");
  return { id: chunks[0].id, pieces, text: pieces.join("") };
}

const handed = ({ id }) => [{ id }];
const handedStream = (answer) => [answer];

export const scenarios = [
  { name: "axios", agent: ask, handed },
  { name: "axios, streamed", agent: streamByAxios, handed: handedStream },
  { name: "node-fetch", agent: askByNodeFetch, handed },
  { name: "node-fetch, streamed", agent: streamByNodeFetch, handed: handedStream },
  { name: "got", agent: askByGot, handed },
  { name: "got, streamed", agent: streamByGot, handed: handedStream },
  { name: "openai 4", agent: askByOpenAI, handed },
  { name: "openai 4, streamed", agent: streamByOpenAI, handed: handedStream },
];
