#include "sample/grammar/constraint.h"

namespace agl {

// Of a unit, where its items and loops begin; further states are few tokens' or are met in time.
static constexpr std::uint32_t kPreparedStates = 2;
static constexpr std::size_t kPreparedUnits = 64;

std::shared_ptr<const Constraint> makeConstraint(std::shared_ptr<ConstraintVocabulary> vocabulary,
                                                 std::span<const std::int32_t> words) {
  auto made = std::make_shared<Constraint>();
  made->program = grammar::makeProgram(grammar::readGrammar(words), vocabulary->tokens, vocabulary->units);
  made->vocabulary = std::move(vocabulary);
  std::size_t prepared = 0;
  for (const auto& unit : made->program.units) {
    if (prepared++ == kPreparedUnits) break;
    for (std::uint32_t state = 0; state < std::min(kPreparedStates, unit->automaton().size()); state++) unit->masks(state);
  }
  return made;
}

}  // namespace agl
