// The laws of what comes before a constraint begins.
#include <algorithm>

#include "harness.h"
#include "sample/grammar/random_grammar.h"

namespace agl::test {
namespace {

using namespace written;

constexpr std::string_view kOpening = "</t></t>";

// Pieces of the opening text, so that it begins and ends anywhere in a token.
Tokens openingTokens(Dice& dice) {
  Tokens tokens;
  tokens.addBytes();
  tokens.addJoined(dice, 120, 4, {"<", "/", "t", ">", "</t>", "</t></t", "></t>", "1", "0", "a", "1a", "01"});
  tokens.texts[2] = dice.once(2) ? "</t>" : "</t>1x";  // special
  return tokens;
}

// One answer, each of its masks held against the text that a token would make; whether the constraint began.
bool opens(const Tokens& tokens, const grammar::Grammar& read, const std::shared_ptr<const Constraint>& constraint, Dice& dice) {
  Matcher matcher(constraint, {0}, kOpening);
  std::vector<std::uint64_t> allowed(tokens.words());
  std::string text;
  for (int n = 0; n < 60; n++) {
    const Matcher::Mask mask = matcher.fill(allowed);
    if (mask.kind == Matcher::Kind::free) std::ranges::fill(allowed, ~std::uint64_t{0});
    const bool hasBegun = text.find(kOpening) != std::string::npos;
    CHECK(hasBegun || (!mask.isForced && isAllowed(allowed, 0)));
    std::vector<std::int32_t> choices, leading;
    for (std::int32_t id = hasBegun ? 3 : 1; id < static_cast<std::int32_t>(tokens.texts.size()); id++) {
      const std::string next = text + tokens.texts[static_cast<std::size_t>(id)];
      const std::size_t at = next.find(kOpening);
      const bool expected = at == std::string::npos ||
                            after(ReferenceMatcher(read), std::string_view(next).substr(at + kOpening.size())).isViable();
      if (isAllowed(allowed, id) != expected) fail(__FILE__, __LINE__, "token " + std::to_string(id) + " of " + next);
      if (!expected) continue;
      choices.push_back(id);
      if (hasBegun || tokens.texts[static_cast<std::size_t>(id)].starts_with("<")) leading.push_back(id);
    }
    if (choices.empty()) break;
    const std::int32_t token = dice.from(leading.empty() || dice.once(6) ? choices : leading);
    text += tokens.texts[static_cast<std::size_t>(token)];
    matcher.advance(token);
  }
  return text.find(kOpening) != std::string::npos;
}

}  // namespace

TEST("nothing is masked until the opening text has been written, and what follows it in the same token matches") {
  for (std::uint64_t seed = 1; seed <= 6; seed++) {
    Dice dice(seed);
    const Tokens tokens = openingTokens(dice);
    const Words words = grammar({repeat(characters({{'0', '1'}}), 2, 5)});
    const grammar::Grammar read = grammar::readGrammar(words);
    const auto constraint = makeConstraint(tokens.made(), words);
    int begun = 0;
    for (int i = 0; i < 12; i++) begun += opens(tokens, read, constraint, dice) ? 1 : 0;
    CHECK(begun > 1);
  }
}

}  // namespace agl::test
