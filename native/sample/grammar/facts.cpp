// What is known of a grammar before anything is matched: which parts are regular, may be empty, can be written; and what is refused.
#include <algorithm>
#include <string>

#include "core/error.h"
#include "sample/grammar/program.h"

namespace agl::grammar {
namespace {

constexpr std::uint32_t kTooLarge = 1U << 20;
constexpr std::uint32_t kMostUnrolled = 64;

using Size = std::optional<std::uint32_t>;

// Null where a child is not regular, has a loop, or all is large.
Size sizeOf(const Grammar& grammar, const Node& node, const std::vector<Size>& sizes) {
  const auto total = [&](std::uint64_t own, std::uint64_t times) -> Size {
    for (const std::uint32_t child : node.children) {
      if (!sizes[child]) return std::nullopt;
      own += times * *sizes[child];
    }
    return own < kTooLarge ? Size(static_cast<std::uint32_t>(own)) : std::nullopt;
  };
  switch (node.kind) {
    case NodeKind::text: return total(node.ranges.size(), 1);
    case NodeKind::characters: return total(1 + 2 * node.ranges.size(), 1);
    case NodeKind::sequence:
    case NodeKind::choice: return total(1, 1);
    case NodeKind::repeat: {
      if (!node.max) return std::nullopt;
      const Size unrolled = total(1, *node.max);
      return *node.max > 1 && unrolled.value_or(kTooLarge) > kMostUnrolled ? std::nullopt : unrolled;
    }
    case NodeKind::rule: {
      const Size body = sizes[grammar.rules[node.index]];
      return body && *body + 1 < kTooLarge ? Size(*body + 1) : std::nullopt;
    }
    case NodeKind::automaton:
    case NodeKind::token: return std::nullopt;
  }
  return std::nullopt;
}

// Facts of parts that only ever become true: each part is asked again when a child has become so.
class Facts {
 public:
  explicit Facts(Program& program) : program_(program), users_(program.parts.size()) {
    for (std::uint32_t i = 0; i < program.parts.size(); i++) {
      eachChild(program.parts[i], [&](std::uint32_t child) { users_[child].push_back(i); });
    }
  }

  template <class Holds>
  void find(bool Part::*fact, Holds holds) {
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < program_.parts.size(); i++) open.push_back(i);
    while (!open.empty()) {
      const std::uint32_t i = open.back();
      open.pop_back();
      Part& part = program_.parts[i];
      if (part.*fact || !holds(part)) continue;
      part.*fact = true;
      open.insert(open.end(), users_[i].begin(), users_[i].end());
    }
  }

  template <class Visit>
  void eachChild(const Part& part, Visit visit) const {
    if (part.kind == PartKind::rule) return visit(part.index);
    for (std::uint32_t i = 0; i < part.count; i++) visit(program_.child(part, i));
  }
  // Whether the fact holds of the part if it is that of its children: of all of a sequence, of one of a choice.
  bool byChildren(const Part& part, bool Part::*fact) const {
    if (part.kind == PartKind::rule) return program_.parts[part.index].*fact;
    std::uint32_t count = 0;
    eachChild(part, [&](std::uint32_t child) { count += program_.parts[child].*fact ? 1 : 0; });
    return part.kind == PartKind::choice ? count > 0 : count == part.count;
  }

 private:
  Program& program_;
  std::vector<std::vector<std::uint32_t>> users_;
};

// A part that is reached again from its own beginning, before a byte.
class LeftRecursion {
 public:
  explicit LeftRecursion(const Program& program) : program_(program), colours_(program.parts.size()) {}

  bool isFound() {
    for (std::uint32_t i = 0; i < program_.parts.size(); i++) {
      if (colours_[i] == Colour::fresh && isFoundFrom(i)) return true;
    }
    return false;
  }

 private:
  enum class Colour : std::uint8_t { fresh, open, done };
  struct Step {
    std::uint32_t part, next;
  };
  // The next of the parts where this one may begin.
  Size beginning(const Part& part, std::uint32_t i) const {
    if (part.kind == PartKind::rule) return i == 0 ? Size(part.index) : std::nullopt;
    if (i >= part.count) return std::nullopt;
    const bool isReached = part.kind == PartKind::choice || i == 0 || program_.parts[program_.child(part, i - 1)].isNullable;
    return isReached ? Size(program_.child(part, i)) : std::nullopt;
  }
  bool isFoundFrom(std::uint32_t root) {
    std::vector<Step> path = {{root, 0}};
    colours_[root] = Colour::open;
    while (!path.empty()) {
      const Size next = beginning(program_.parts[path.back().part], path.back().next++);
      if (!next) {
        colours_[path.back().part] = Colour::done;
        path.pop_back();
        continue;
      }
      if (colours_[*next] == Colour::open) return true;
      if (colours_[*next] == Colour::done) continue;
      colours_[*next] = Colour::open;
      path.push_back({*next, 0});
    }
    return false;
  }

  const Program& program_;
  std::vector<Colour> colours_;
};

[[noreturn]] void refuse(const char* what) { throw Error("E_ARGUMENT", std::string("policy.constrain: expected ") + what); }

}  // namespace

// Rules that call each other in a circle never get a size. A circle has no end, a chain of calls may be long: what is not known
// after some rounds is taken for one.
std::vector<Size> regularSizes(const Grammar& grammar) {
  std::vector<Size> sizes(grammar.nodes.size());
  bool isChanged = true;
  for (int round = 0; isChanged && round < 16; round++) {
    isChanged = false;
    for (std::size_t i = 0; i < sizes.size(); i++) {
      if (sizes[i]) continue;
      sizes[i] = sizeOf(grammar, grammar.nodes[i], sizes);
      isChanged = isChanged || sizes[i];
    }
  }
  return sizes;
}

void checkProgram(Program& program, const Vocabulary& vocabulary) {
  Facts facts(program);
  facts.find(&Part::isNullable, [&](const Part& part) {
    if (part.kind == PartKind::token) return false;
    if (part.kind == PartKind::unit) return program.units[part.index]->automaton().accepts(0);
    if (part.kind == PartKind::counted) return part.min == 0;
    return (part.kind == PartKind::repeat && part.min == 0) || facts.byChildren(part, &Part::isNullable);
  });
  facts.find(&Part::isWritable, [&](const Part& part) {
    if (part.kind == PartKind::token) return vocabulary.hasToken(part.index);
    if (part.kind == PartKind::unit) return program.units[part.index]->isWritable(0);
    if (part.kind == PartKind::counted) return part.min == 0 || program.units[part.index]->isWritable(0);
    return (part.kind == PartKind::repeat && part.min == 0) || facts.byChildren(part, &Part::isWritable);
  });
  for (const Part& part : program.parts) {
    if (part.kind == PartKind::repeat && program.parts[program.child(part, 0)].isNullable) {
      refuse("repetitions of what is never the empty text, got one that may be; write the item so that it has a character");
    }
  }
  if (LeftRecursion(program).isFound()) refuse("rules that begin with something before they come to themselves, got left recursion");
  if (!program.parts[program.start()].isWritable) {
    refuse("a grammar that matches some text in this model's tokens, got one that matches none");
  }
}

}  // namespace agl::grammar
