// An ordinary agent, written with the unmodified `openai` package: it asks a model, runs the tool that the model calls, and lets the model answer.
// It knows nothing of training.
import OpenAI from "openai";
import { runTool, toolDefinitions } from "./tools.js";

// The client insists on a key; inside a rollout no request leaves the process.
const client = new OpenAI({ apiKey: "not-needed" });

/** @returns what the model said in the end, and the tool calls it made */
export async function calculate(question) {
  const messages = [{ role: "user", content: question }];
  const calls = [];
  for (let turn = 0; turn < 3; turn++) {
    const completion = await client.chat.completions.create({
      model: "gpt-4o-mini",
      messages,
      tools: toolDefinitions,
    });
    const message = completion.choices[0].message;
    messages.push(message);
    if (!message.tool_calls) return { answer: message.content, calls, messages };
    for (const call of message.tool_calls) {
      const args = JSON.parse(call.function.arguments);
      calls.push({ name: call.function.name, ...args });
      messages.push({ role: "tool", tool_call_id: call.id, content: runTool(call.function.name, args) });
    }
  }
  return { answer: null, calls, messages };
}

/** 1 when the right tool was called once with the right arguments and its result was reported. */
export function isRight(task, { answer, calls }) {
  const [call] = calls;
  const calledRight = calls.length === 1 && call.name === task.tool && call.a === task.a && call.b === task.b;
  return calledRight && answer === `the answer is ${task.answer}`;
}
