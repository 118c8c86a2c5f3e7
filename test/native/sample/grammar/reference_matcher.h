// A grammar matched byte by byte as it is written: every way to read the text so far is a list of what is still to be matched. Nothing is compiled,
// shared or remembered. Of grammars in which every node matches something.
#pragma once

#include <set>
#include <vector>

#include "sample/grammar/grammar.h"

namespace agl::test {

class ReferenceMatcher {
 public:
  // The grammar must outlive it.
  explicit ReferenceMatcher(const grammar::Grammar& grammar);

  void step(std::uint8_t byte);
  void stepToken(std::uint32_t token);
  bool isViable() const { return !ways_.empty(); }
  bool mayEnd() const;
  std::size_t ways() const { return ways_.size(); }

 private:
  // A node that has begun: how far it is, in codes of a text, nodes of a sequence, items, states; and the bytes of an unfinished code point.
  struct Item {
    std::uint32_t node = 0;
    std::uint32_t at = 0;
    std::vector<std::uint8_t> bytes = {};
    auto operator<=>(const Item&) const = default;
  };
  using Way = std::vector<Item>;  // the next one last

  void expand(Way way);
  void read(const Way& way, std::uint8_t byte, std::vector<Way>& out) const;

  const grammar::Grammar* grammar_;
  std::set<Way> ways_;  // each begins before a code point, inside one, before a token, or is empty
};

}  // namespace agl::test
