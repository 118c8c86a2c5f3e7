"""A runner as Agent Lightning 0.3's LitAgentRunner is on the wire: the standard library alone. python3 runner_03.py STORE_URL ROLLOUTS [KEY]"""

import json
import re
import sys
import time
import urllib.error
import urllib.request

STORE, ROLLOUTS = sys.argv[1].rstrip("/") + "/v1/agl", int(sys.argv[2])
KEY = sys.argv[3] if len(sys.argv) > 3 else None
WORKER = "python-03"


def post(url, body, key=KEY, method="POST"):
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    data = None if method == "GET" else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return json.load(answer)


def base_url(resource, rollout_id, attempt_id):
    """ProxyLLM.get_base_url: the rollout in the path, and /v1 behind it again."""
    endpoint = resource["endpoint"].rstrip("/")
    bare = re.sub(r"/v1$", "", endpoint)
    return f"{bare}/rollout/{rollout_id}/attempt/{attempt_id}" + ("/v1" if endpoint != bare else "")


def add_span(rollout_id, attempt_id, number, name, attributes):
    sequence = post(f"{STORE}/spans/next", {"rollout_id": rollout_id, "attempt_id": attempt_id})["sequence_id"]
    now = time.time()
    post(f"{STORE}/spans", {
        "rollout_id": rollout_id, "attempt_id": attempt_id, "sequence_id": sequence, "trace_id": "1" * 32,
        "span_id": f"{number:016x}", "parent_id": None, "name": name, "status": {"status_code": "OK", "description": None},
        "attributes": attributes, "events": [], "links": [], "start_time": now, "end_time": now,
        "context": None, "parent": None, "resource": {"attributes": {}, "schema_url": ""},
    })


def run(claimed):
    rollout_id, attempt_id = claimed["rollout_id"], claimed["attempt"]["attempt_id"]
    resources = post(f"{STORE}/resources/{claimed['resources_id']}", None, method="GET")["resources"]
    llm = resources["main_llm"]
    assert llm["resource_type"] == "proxy_llm", llm
    url = base_url(llm, rollout_id, attempt_id) + "/chat/completions"
    messages, text = [{"role": "user", "content": claimed["input"]}], ""
    for turn in range(2):
        answer = post(url, {"model": llm["model"], "messages": messages, "max_tokens": 3}, llm["api_key"])
        content = answer["choices"][0]["message"]["content"] or ""
        text += content
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": "o"}]
        # As its tracer does: the call once more.
        add_span(rollout_id, attempt_id, turn + 1, "openai.chat.completion", {"gen_ai.response.id": answer["id"]})
    reward = sum(map(ord, text)) % 5
    add_span(rollout_id, attempt_id, 3, "agentlightning.annotation",
             {"agentlightning.reward.0.name": "primary", "agentlightning.reward.0.value": reward})
    post(f"{STORE}/rollouts/{rollout_id}/attempts/{attempt_id}", {"status": "succeeded"})


post(f"{STORE}/workers/{WORKER}", {"heartbeat_stats": {"at": "start"}})
done = 0
while done < ROLLOUTS:
    claimed = post(f"{STORE}/queues/rollouts/dequeue", {"limit": 1, "worker_id": WORKER})
    for each in claimed:
        run(each)
        done += 1
    if not claimed:
        time.sleep(0.05)
