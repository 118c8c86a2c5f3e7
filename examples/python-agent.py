#!/usr/bin/env python3
"""An agent in Python, with nothing but the standard library, trained through the policy's socket.

It answers a question, is told a hint, answers again, and prints its reward: 1 when the second answer holds the right one.
Where the model is, and by which key, it reads from the variables that every OpenAI client reads; it knows nothing of training.

    python3 python-agent.py '{"question": "...", "hint": "...", "answer": "..."}'

The trainer starts it once for each rollout, with the variables of that rollout:

    const trainer = agl.createTrainer({
      policy,
      listen: { port: 0 },
      agent: async (task, { endpoint, signal }) => {
        const env = { ...process.env, ...endpoint.env };
        const { stdout } = await promisify(execFile)("python3", ["python-agent.py", JSON.stringify(task)], { env, signal });
        return Number(stdout);
      },
    });

With --tell it tells its reward by Agent Lightning 1.0's AGL_EVENT_URL instead of printing it; the agent above then returns nothing.
"""

import json
import os
import sys
import urllib.request


def post(url, body):
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)


def chat(messages):
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    answer = post(url, {"model": os.environ.get("MODEL", "policy"), "messages": messages})
    return answer["choices"][0]["message"]["content"] or ""


def run(task):
    messages = [{"role": "user", "content": task["question"]}]
    messages.append({"role": "assistant", "content": chat(messages)})
    messages.append({"role": "user", "content": task["hint"]})
    return 1.0 if task["answer"] in chat(messages) else 0.0


if __name__ == "__main__":
    reward = run(json.loads(sys.argv[1]))
    if "--tell" in sys.argv:
        post(os.environ["AGL_EVENT_URL"], {"event_type": "reward", "data": {"value": reward}})
    else:
        print(reward)
