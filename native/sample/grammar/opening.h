// What comes before a constraint begins: any text, up to and with the first occurrence of the text that the constraint waits for, wherever the
// boundaries of tokens fall. Only a token that goes on behind that text can be wrong, if the grammar does not begin with the rest of it.
// The text is sought by its own automaton: Knuth, Morris & Pratt 1977, "Fast pattern matching in strings".
#pragma once

#include <optional>
#include <string>

#include "sample/grammar/matcher.h"

namespace agl {

class Matcher::Opening {
 public:
  // `start` is the set of stacks that the constraint begins with. `stacks` outlives this.
  Opening(const grammar::Vocabulary& vocabulary, grammar::Stacks& stacks, std::uint32_t start, std::string_view after);

  // Whether a token is wrong; then all others are allowed.
  bool fill(std::span<std::uint64_t> allowed);
  // What of the token's bytes is behind the text, once that has been written.
  std::optional<std::span<const std::uint8_t>> advance(std::span<const std::uint8_t> bytes);

 private:
  std::size_t extend(std::size_t matched, std::uint8_t byte) const;
  // How many bytes it takes until the text is there.
  std::optional<std::size_t> completedBy(std::span<const std::uint8_t> bytes, std::size_t& matched) const;
  std::vector<std::uint32_t> findWrong();
  void findWrongBelow(std::uint32_t node, std::uint32_t set, std::vector<std::uint32_t>& wrong);

  const grammar::Vocabulary& vocabulary_;
  grammar::Stacks& stacks_;
  const std::uint32_t start_;
  const std::string after_;
  std::vector<std::size_t> borders_;
  std::size_t matched_ = 0;
  std::vector<std::optional<std::vector<std::uint32_t>>> wrong_;  // by how much has been matched
};

}  // namespace agl
