// The laws of an engine whose rows are held to grammars.
#include <algorithm>

#include "harness.h"
#include "random_model.h"
#include "sample/grammar/random_grammar.h"

namespace agl::test {
namespace {

using namespace written;

constexpr std::int64_t kVocabulary = 300;

// As many as the model names.
Tokens modelTokens() {
  Dice dice(3);
  Tokens tokens;
  tokens.addBytes();
  tokens.addJoined(dice, static_cast<int>(kVocabulary - tokens.outputs()), 4, {"a", "é", "\"", "\": ", "0", "12", "}", "{", "€"});
  return tokens;
}

Words record() {
  const Words digits = repeat(characters({{'0', '9'}}), 1, 3);
  return grammar({sequence({text("{\""), repeat(characters({{'a', 0x20ac}}), 1, 4), text("\": "), digits, text("}")})});
}

struct Asked {
  std::vector<std::int32_t> prompt;
  std::uint64_t seed;
  bool isHeld;
  float temperature;
};

std::vector<Sampled> sampleAll(Engine& engine, const std::vector<Asked>& all, const std::shared_ptr<const Constraint>& constraint) {
  std::vector<Sampled> sampled(all.size());
  for (std::size_t i = 0; i < all.size(); i++) {
    SampleRequest made = request(all[i].prompt, 2, 14, -1, all[i].seed);
    made.draw.temperature = all[i].temperature;
    made.stopTokens = {0};
    if (all[i].isHeld) made.constraint = constraint;
    start(engine, std::move(made), sampled[i]);
  }
  finishAll(engine);
  return sampled;
}

bool areSame(const Sampled& a, const Sampled& b) {
  return std::ranges::equal(a.choices, b.choices, [](const Choice& x, const Choice& y) {
    return x.tokens == y.tokens && x.logprobs == y.logprobs && x.forced == y.forced;
  });
}

}  // namespace

LAW("rows that are held to a grammar write its texts with the bits of the whole distribution, and free rows beside them keep theirs") {
  const Tokens tokens = modelTokens();
  CHECK(tokens.outputs() == kVocabulary);
  const grammar::Grammar read = grammar::readGrammar(record());
  const auto constraint = makeConstraint(tokens.made(), record());
  const RandomModel model({.vocabulary = kVocabulary, .contextLength = 128, .compute = compute});
  std::vector<Asked> all;
  for (std::uint64_t i = 0; i < (compute.isSlow() ? 4U : 8U); i++) {
    all.push_back({randomTokens(5, kVocabulary, 20 + i / 2), i, i % 2 == 1, i % 4 < 2 ? 1.0F : 2.0F});
  }
  for (EngineOptions options : everyIsa(model.options())) {
    options.threads = 2;
    Engine engine(options);
    const std::vector<Sampled> together = sampleAll(engine, all, constraint);
    for (std::size_t i = 0; i < all.size(); i++) {
      CHECK(together[i].error.empty());
      CHECK(sameBits(engine, all[i].prompt, together[i].choices, -1, all[i].temperature));
      CHECK(areSame(sampleAll(engine, {all[i]}, constraint)[0], together[i]));
      for (const Choice& choice : together[i].choices) {
        CHECK(choice.mass.size() == (all[i].isHeld ? choice.tokens.size() : 0));
        if (!all[i].isHeld) continue;
        ReferenceMatcher reference(read);
        for (const std::int32_t token : choice.tokens) {
          if (token != 0) reference = after(reference, tokens.texts[static_cast<std::size_t>(token)]);
        }
        CHECK(reference.isViable());
        CHECK(choice.finishReason == FinishReason::length || (reference.mayEnd() && choice.tokens.back() == 0));
      }
    }
  }
}

TEST("a row that has no token left ends its request alone") {
  Tokens tokens = modelTokens();
  const auto constraint = makeConstraint(tokens.made(), grammar({text("z")}));
  const RandomModel model({.vocabulary = kVocabulary, .contextLength = 128});
  Engine engine(model.options());
  std::vector<Sampled> sampled(2);
  SampleRequest dead = request(randomTokens(5, kVocabulary, 1), 2, 8, -1, 1);
  dead.stopTokens = {0, tokens.idOf("z")};
  dead.constraint = constraint;
  start(engine, std::move(dead), sampled[0]);
  start(engine, request(randomTokens(5, kVocabulary, 2), 2, 8, -1, 2), sampled[1]);
  finishAll(engine);
  CHECK(sampled[0].error.find("stop names tokens that its text needs") != std::string::npos);
  CHECK(sampled[1].error.empty() && sampled[1].choices.size() == 2 && sampled[1].choices[0].tokens.size() == 8);
  CHECK(engine.scheduler().idle());
}

}  // namespace agl::test
