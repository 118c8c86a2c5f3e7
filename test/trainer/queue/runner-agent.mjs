// The agent of this folder's runner processes: two turns; the reward is of what was answered. With AGL_TEST_GATE it waits after its first
// turn while there is that file.
import { existsSync } from "node:fs";
import OpenAI from "openai";

const client = new OpenAI({ apiKey: "not-needed" });

export const agent = async (task) => {
  const messages = [{ role: "user", content: task }];
  let text = "";
  for (let turn = 0; turn < 2; turn++) {
    const { choices } = await client.chat.completions.create({ model: "m", messages, max_tokens: 3 });
    const content = choices[0].message.content ?? "";
    text += content;
    messages.push({ role: "assistant", content }, { role: "user", content: "o" });
    while (existsSync(process.env.AGL_TEST_GATE ?? ""))
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [...text].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 5;
};
