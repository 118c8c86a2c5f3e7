// The sampler: many requests in one running batch. Each step plans the rows of one pass, runs it, and draws a token for every sequence whose
// prefix is complete. Requests join and leave between steps; prompts share what is computed through the token tree.
//
// Who computes when. B is batchTokens, the rows of a pass.
//   admission  in order of arrival, once token memory has room for all a sequence may come to be; at most B at a time. Whoever waits for memory
//              makes all behind it wait, so that nobody is passed by; what runs ends, and alone every sequence fits.
//   rows       every admitted sequence has at least one row of every pass: one for each of the d that decode; of the rest half is shared evenly
//              among the p prompts, and what is then left goes to them in order of arrival. So T tokens of a prompt are computed within
//              T / max(1, (B - d) / 2p) passes, rounded up, however many long prompts there are.
//   cancel     takes effect between two passes: what only the cancelled sequence needed may be evicted from then on.
//   update     stale blocks are dropped, sequences that run under those weights lose their place in memory and are admitted again, first in line:
//              their text is computed again, and they go on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "ops/draw/draw.h"
#include "sample/grammar/matcher.h"
#include "sample/token_tree.h"

namespace agl {

struct PassRows;
struct SamplerViews;

enum class FinishReason : std::uint8_t { stop, length, aborted };

struct Choice {
  std::vector<std::int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<std::int32_t> versions;  // of the weights, for every token
  std::vector<TokenLogprob> top;       // topLogprobs for every token
  std::vector<float> mass;             // under a constraint, for every token: probability of what it allowed; not a number where all was
  std::vector<std::int32_t> forced;    // indices of tokens for which it left one choice
  FinishReason finishReason = FinishReason::aborted;
};

struct SampledToken {
  int choice;
  std::int32_t token;
  float logprob;
  std::int32_t version;
  float mass;  // as in Choice
  bool isForced;
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
  std::shared_ptr<const Constraint> constraint;  // null: any text. Over the model's vocabulary, and with stopTokens
  std::string constraintAfter;                   // it begins once this has been written
  std::function<void(const SampledToken&)> onToken;  // may be empty
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
  std::int64_t carriedRows = 0;  // computed again after an update
};

class Scheduler {
 public:
  static constexpr std::int64_t kLogitRows = 64;  // Law 4
  static constexpr std::int64_t kMostTopLogprobs = 20;  // of a token

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
  void dropCache(int adapter);
  // Whether sequences under this adapter wait or run.
  bool isNeeded(int adapter) const;
  // Blocks that sequences hold or may still take; the rest is free or may be evicted.
  std::int64_t heldBlocks() const { return tree_.pinnedBlocks() + reservedBlocks(); }
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
    std::unique_ptr<Matcher> matcher;  // of the constraint; null without one
    Matcher::Mask mask;                // of the next draw
    std::vector<std::int32_t> tokens;  // prompt and sampled
    std::int32_t computed = 0;         // leading tokens in the tree, those of the pass being planned included
    std::int32_t carried = 0;          // leading tokens that were computed before an update
    TokenTree::Node* tail = nullptr;
    std::vector<KeyRun> runs;
    std::int64_t reserved = 0;  // blocks it may still take
    bool maySplit = false;      // one of them is for leaving, in the middle of a block, where another sequence goes on
    std::int32_t left() const { return static_cast<std::int32_t>(tokens.size()) - computed; }
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
    std::int64_t admitted = 0;  // sequences that have their place in memory
  };

  Plan plan();
  void admitWaiting(Plan& plan);
  void sharePass(Plan& plan);
  bool admit(Sequence& sequence, Plan& plan);
  bool reserve(Sequence& sequence, TokenTree::Node* node);
  bool mustWait(const Sequence& sequence, const TokenTree::Node* node) const;
  void extend(Sequence& sequence, std::int64_t rows, Plan& plan);
  void repeatLastRow(Sequence& sequence, Plan& plan);
  void run(Plan& plan);
  static PassRows rowsOf(Plan& plan);
  static std::vector<std::int32_t> rowsOfStates(Plan& plan);
  void gatherStates(const Plan& plan, const SamplerViews& views, std::span<const std::int32_t> lastRows);
  void drawTokens(const Plan& plan, const SamplerViews& views, std::vector<Drawn>& drawn);
  void keepPromptStates(const Plan& plan, View computed);
  static DrawRow drawOf(const Sequence& sequence);
  void fillMasks(std::span<Sequence* const> drawing, std::vector<DrawRow>& draws);
  bool acceptMasked(Sequence& sequence, const Drawn& drawn, SampledToken& sampled);
  void accept(Sequence& sequence, const Drawn& drawn);
  void finish(Sequence& sequence, FinishReason reason);
  // Ends a request with an error, and no other.
  void fail(const std::shared_ptr<Request>& request, const char* code, const std::string& message);
  void leave(Sequence& sequence);
  void sweep();
  std::int64_t reservedBlocks() const;

  Transformer& model_;
  TokenMemory& memory_;
  Arena& arena_;
  const std::int64_t batchTokens_;
  TokenTree tree_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // in order of arrival
  SampleCounters counters_;
  std::vector<std::uint64_t> masks_;  // of the rows drawn now
};

}  // namespace agl
