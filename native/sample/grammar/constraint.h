// What an answer must match, beside the vocabulary it is written in: made once, on any thread, and then read by many samples at a time.
#pragma once

#include "sample/grammar/program.h"

namespace agl {

// A vocabulary, and what the constraints over it have in common.
struct ConstraintVocabulary {
  ConstraintVocabulary(std::vector<std::uint8_t> bytes, std::vector<std::uint32_t> offsets,
                       std::span<const std::int32_t> special, std::int64_t outputs)
      : tokens(std::move(bytes), std::move(offsets), special, outputs), units(tokens) {}
  const grammar::Vocabulary tokens;
  grammar::Units units;
};

struct Constraint {
  std::shared_ptr<ConstraintVocabulary> vocabulary;
  grammar::Program program;
  std::size_t bytes() const { return sizeof(Constraint) + program.bytes(); }
};

// `words` as grammar::readGrammar takes them. Also finds the masks that most answers begin with. Throws E_ARGUMENT.
std::shared_ptr<const Constraint> makeConstraint(std::shared_ptr<ConstraintVocabulary> vocabulary,
                                                 std::span<const std::int32_t> words);

}  // namespace agl
