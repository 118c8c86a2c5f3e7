// Random vocabularies and grammars, and answers drawn evenly over the masks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sample/grammar/matcher.h"
#include "sample/grammar/reference_matcher.h"
#include "sample/grammar/written_grammar.h"

namespace agl::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : seed_(seed) {}
  std::int32_t below(std::int32_t limit);
  bool once(std::int32_t in) { return below(in) == 0; }
  template <class T>
  const T& from(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(static_cast<std::int32_t>(all.size())))];
  }

 private:
  std::uint64_t seed_;
  std::uint32_t drawn_ = 0;
};

// Token 0 ends, 1 and 2 are special, then come texts, then three ids without a token.
struct Tokens {
  std::vector<std::string> texts = {"<end>", "<call>", "</call>"};
  std::shared_ptr<ConstraintVocabulary> made() const;
  std::int64_t outputs() const { return static_cast<std::int64_t>(texts.size()) + 3; }
  std::size_t words() const { return static_cast<std::size_t>((outputs() + 63) / 64); }
  std::int32_t idOf(std::string_view text) const;
  void addBytes();
  // Of up to `most` pieces each.
  void addJoined(Dice& dice, int count, int most, const std::vector<std::string>& pieces);
};

// All bytes, and pieces of what the random grammars write, so that tokens cross their borders.
Tokens randomVocabulary(Dice& dice);
// Every node matches something, and a rule calls itself behind a character alone.
written::Words randomGrammar(Dice& dice);

ReferenceMatcher after(ReferenceMatcher matcher, std::string_view bytes);
std::vector<std::int32_t> allowedTokens(const Tokens& tokens, const std::vector<std::uint64_t>& allowed);
inline bool isAllowed(const std::vector<std::uint64_t>& allowed, std::int32_t id) {
  return (allowed[static_cast<std::size_t>(id) / 64] >> id % 64 & 1) != 0;
}
// Empty when the grammar is taken.
std::string refusalOf(const Tokens& tokens, const written::Words& words);

struct Answer {
  std::string text;
  bool isEnded = false, isDead = false;
  int forced = 0;  // below 0: a mask did not know that it left one token
  std::vector<std::int32_t> tokens;
};
// At most `most` tokens, drawn evenly over what is allowed.
Answer draw(const Tokens& tokens, const std::shared_ptr<const Constraint>& constraint, Dice& dice, int most);

}  // namespace agl::test
