"""An agent as Agent Lightning 1.0 runs one: it knows three variables. The standard library alone. python3 agent_10.py TASK"""

import json
import os
import sys
import urllib.request


def post(url, body):
    key = os.environ.get("AGL_KEY")
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


messages, text = [{"role": "user", "content": sys.argv[1]}], ""
for _ in range(2):
    body = {"model": "default", "messages": messages, "max_tokens": 3}
    answer = post(os.environ["AGL_OPENAI_BASE_URL"] + "/chat/completions", body)
    content = answer["choices"][0]["message"]["content"] or ""
    text += content
    messages += [{"role": "assistant", "content": content}, {"role": "user", "content": "o"}]
value = sum(map(ord, text)) % 5
post(os.environ["AGL_EVENT_URL"], {"event_type": "reward", "data": {"value": value}})
