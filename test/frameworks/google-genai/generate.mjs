// Google's package.
import { GoogleGenAI, Type } from "@google/genai";

// docs: @google/genai
const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });

async function ask(question) {
  return await ai.models.generateContent({
    model: "gemini-2.5-flash",
    contents: question,
  });
}
// end

const model = "gemini-2.5-flash";
const weather = {
  name: "get_weather",
  description: "The weather at a location",
  parameters: { type: Type.OBJECT, properties: { location: { type: Type.STRING } }, required: ["location"] },
};

async function stream(contents) {
  const pieces = [];
  let id;
  for await (const chunk of await ai.models.generateContentStream({ model, contents })) {
    id = chunk.responseId;
    pieces.push(chunk.text ?? "");
  }
  return { id, pieces, text: pieces.join("") };
}

async function withTools(question) {
  const config = { tools: [{ functionDeclarations: [weather] }] };
  const contents = [{ role: "user", parts: [{ text: question }] }];
  const first = await ai.models.generateContent({ model, contents, config });
  const [call] = first.functionCalls;
  contents.push(first.candidates[0].content);
  const functionResponse = { name: call.name, response: { result: "sunny" } };
  contents.push({ role: "user", parts: [{ functionResponse }] });
  return [first, await ai.models.generateContent({ model, contents, config })];
}

async function extract(contents) {
  return await ai.models.generateContent({
    ...{ model, contents },
    config: {
      responseMimeType: "application/json",
      responseSchema: {
        type: Type.OBJECT,
        properties: { age: { type: Type.INTEGER }, kind: { type: Type.STRING, enum: ["cat", "dog"] } },
        required: ["age", "kind"],
      },
    },
  });
}

function checkAnimal({ text }) {
  const { age, kind } = JSON.parse(text);
  if (!Number.isInteger(age) || !["cat", "dog"].includes(kind)) throw new Error(`not as asked: ${text}`);
}

const handed = ({ responseId: id }) => [{ id }];
const dialect = "google.generate_content";

export const scenarios = [
  { name: "generateContent", agent: ask, handed, dialect },
  { name: "generateContentStream", agent: stream, handed: (answer) => [answer], dialect },
  {
    name: "function calls",
    agent: withTools,
    tools: { get_weather: { location: "Paris" } },
    handed: (answers) => answers.flatMap(handed),
    dialect,
  },
  { name: "responseSchema", agent: extract, value: checkAnimal, handed, dialect },
];
