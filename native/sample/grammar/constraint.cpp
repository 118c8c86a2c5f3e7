#include "sample/grammar/constraint.h"

namespace agl {

// Nodes of the trie that may be looked at beforehand: some ten milliseconds' worth.
static constexpr std::size_t kPrepared = 4'000'000;

// Masks that an answer may soon need, of states that are near the beginning of their unit.
static void prepare(const grammar::Program& program) {
  std::size_t left = kPrepared;
  for (std::uint32_t state = 0, isLast = 0; isLast == 0; state++) {
    isLast = 1;
    for (const auto& unit : program.units) {
      if (state >= unit->automaton().size()) continue;
      isLast = 0;
      const std::size_t cost = unit->prepare(state);
      if (cost >= left) return;
      left -= cost;
    }
  }
}

std::shared_ptr<const Constraint> makeConstraint(std::shared_ptr<ConstraintVocabulary> vocabulary,
                                                 std::span<const std::int32_t> words) {
  auto made = std::make_shared<Constraint>();
  made->program = grammar::makeProgram(grammar::readGrammar(words), vocabulary->tokens, vocabulary->units);
  made->vocabulary = std::move(vocabulary);
  prepare(made->program);
  return made;
}

}  // namespace agl
