import { describe, expect, it } from "vitest";
import { editChat } from "../../../../src/server/endpoint/chat/chat-edit.js";

const hi = { role: "user", content: "hi" };

describe("an edit of a chat completions request", () => {
  it("takes the place of all instructions at the head, whatever their role, and keeps what stands beside the first", () => {
    const head = [
      { role: "developer", content: "a", name: "n" },
      { role: "system", content: "b" },
    ];
    expect(editChat({ messages: [...head, hi], n: 2 }, { system: "new", model: "m" })).toEqual({
      ...{ model: "m", n: 2 },
      messages: [{ role: "developer", content: "new", name: "n" }, hi],
    });
    expect(editChat({ messages: head }, { messages: [hi] })).toEqual({ messages: [...head, hi] });
  });

  it("leaves later instructions where they are", () => {
    const later = { role: "system", content: "b" };
    expect(editChat({ messages: [hi, later] }, { system: "new" })).toEqual({
      messages: [{ role: "system", content: "new" }, hi, later],
    });
  });
});
