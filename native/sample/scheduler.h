// The sampler: many requests in one running batch. Each step plans the rows of one pass (one row for every sequence that decodes, then
// prompts as far as the budget reaches), runs it, and draws a token for every sequence whose prefix is complete. Requests join and leave
// between steps; prompts share what is computed through the token tree.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "sample/draw.h"
#include "sample/token_tree.h"

namespace agl {

enum class FinishReason : std::uint8_t { stop, length, aborted };

struct Choice {
  std::vector<std::int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<TokenLogprob> top;  // topLogprobs for every token
  FinishReason finishReason = FinishReason::aborted;
};

struct SampleRequest {
  std::int64_t id = 0;
  std::vector<std::int32_t> prompt;
  int choices = 1;
  std::int64_t maxTokens = 1;
  DrawOptions draw;
  std::uint64_t seed = 0;
  std::vector<std::int32_t> stopTokens;
  int adapter = -1;  // handle, -1 is the base model
  const Adapter* weights = nullptr;
  std::function<void(int choice, std::int32_t token, float logprob)> onToken;  // may be empty
  std::function<void(std::vector<Choice>)> onDone;
  std::function<void(const char* code, const std::string& message)> onError;
};

struct SampleCounters {
  std::int64_t sampledTokens = 0;
  std::int64_t prefillRows = 0;
  std::int64_t decodeRows = 0;
  std::int64_t passes = 0;
  std::int64_t largestPass = 0;
  std::int64_t cachedPromptTokens = 0;
};

class Scheduler {
 public:
  static constexpr std::int64_t kLogitRows = 64;  // Law 4

  Scheduler(Transformer& model, TokenMemory& memory, Arena& activations, std::int64_t batchTokens);

  // What a pass of `rows` takes from the activations arena.
  static void layOut(Arena& arena, const ModelConfig& config, const PassShape& shape);

  void add(SampleRequest request);
  // choice -1 aborts the whole request; otherwise that choice is cut to `keep` tokens and ends with "stop".
  void cancel(std::int64_t id, int choice, std::int64_t keep);
  bool idle() const { return sequences_.empty(); }
  // One pass. Errors of a pass end every request with that error.
  void step();
  void failAll(const char* code, const std::string& message);
  // The adapter's weights have changed (-1: the base model's, and so everybody's): what was computed under the old ones is stale.
  void dropCache(int adapter) { adapter < 0 ? tree_.dropAll() : tree_.drop(adapter); }
  const SampleCounters& counters() const { return counters_; }

 private:
  struct Request {
    SampleRequest request;
    std::uint64_t promptHash = 0;
    std::vector<Choice> choices;
    int unfinished = 0;
  };
  struct Sequence {
    std::shared_ptr<Request> request;
    int choice = 0;
    bool admitted = false;
    bool done = false;
    std::vector<std::int32_t> tokens;  // prompt and sampled
    std::int32_t computed = 0;         // leading tokens in the tree, those of the pass being planned included
    TokenTree::Node* tail = nullptr;
    std::vector<KeyRun> runs;
    std::int64_t reserved = 0;  // blocks it may still take
  };
  // A stretch of a sequence in the pass being planned.
  struct Stretch {
    Sequence* sequence;
    std::int32_t position;
    std::int32_t count;
    std::vector<std::int32_t> slots;
    std::vector<KeyRun> runs;  // of everything up to its end
    std::int64_t row = 0;
  };
  struct Plan {
    std::vector<Stretch> stretches;
    std::vector<Sequence*> drawing;  // complete after this pass
    std::int64_t rows = 0;
  };

  Plan plan();
  bool admit(Sequence& sequence, Plan& plan);
  bool mustWait(const Sequence& sequence, const TokenTree::Node* node) const;
  void extend(Sequence& sequence, Plan& plan);
  void repeatLastRow(Sequence& sequence, Plan& plan);
  void run(Plan& plan);
  void drawTokens(const Plan& plan, View normed, const std::vector<std::int64_t>& hiddenRows);
  void accept(Sequence& sequence, const Drawn& drawn);
  void finish(Sequence& sequence, FinishReason reason);
  void sweep();
  std::int64_t reservedBlocks() const;

  Transformer& model_;
  TokenMemory& memory_;
  Arena& arena_;
  const std::int64_t batchTokens_;
  TokenTree tree_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // in order of arrival
  SampleCounters counters_;
};

}  // namespace agl
