// A grammar as the matcher runs it: regular parts are units, what is left calls, repeats and chooses among them. A repetition is a number,
// wherever its item is no unit or may end in more than one place; a rule's end is whatever waits below it on the stack.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sample/grammar/unit.h"

namespace agl::grammar {

enum class PartKind : std::uint8_t { unit, counted, sequence, choice, repeat, rule, token };

struct Part {
  PartKind kind = PartKind::sequence;
  bool isNullable = false;            // matches the empty text
  bool isWritable = false;            // matches a text that the vocabulary can write
  std::uint32_t first = 0, count = 0; // children: sequence, choice, repeat (one)
  std::uint32_t index = 0;            // of the unit, the rule, the token
  std::uint32_t min = 0;              // counted, repeat
  std::optional<std::uint32_t> max;
  bool mayRepeat(std::uint32_t done) const { return !max || done < *max; }
  // Beyond `min` an unbounded repetition is not counted.
  std::uint32_t after(std::uint32_t done) const { return max || done < std::max(min, 1U) ? done + 1 : done; }
};

struct Program {
  std::vector<Part> parts;
  std::vector<std::uint32_t> children;
  std::vector<std::uint32_t> rules;  // the part of each; only those that the start needs
  std::vector<std::shared_ptr<const Unit>> units;
  std::uint32_t start() const { return rules[0]; }
  std::uint32_t child(const Part& part, std::uint32_t i) const { return children[part.first + i]; }
  std::size_t bytes() const;
};

// Units by what they match, shared by the constraints of one vocabulary.
class Units {
 public:
  explicit Units(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
  std::shared_ptr<const Unit> make(ByteAutomaton automaton, bool isCounted);

 private:
  const Vocabulary& vocabulary_;
  std::mutex mutex_;
  std::map<std::vector<std::uint32_t>, std::weak_ptr<const Unit>> units_;
};

// Throws E_ARGUMENT when the grammar is left-recursive, repeats what may be empty, or matches nothing that this vocabulary can write.
Program makeProgram(const Grammar& grammar, const Vocabulary& vocabulary, Units& units);

// --- internal ---

// Bytes, about, of each node that is regular and without loops; none for the others.
std::vector<std::optional<std::uint32_t>> regularSizes(const Grammar& grammar);
// Fills in isNullable and isWritable, and checks.
void checkProgram(Program& program, const Vocabulary& vocabulary);

}  // namespace agl::grammar
