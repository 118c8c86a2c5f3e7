// One answer under a constraint: which tokens may come next, and what has been written. The mask of a set of stacks is the union over its stacks:
// tokens that stay inside the unit on top are looked up, those that leave it are walked with what waits below.
// Every set can be written to its end in tokens (program.h), and no set beyond that is entered: there is always a token, unless end tokens
// that spell text were named.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sample/grammar/constraint.h"
#include "sample/grammar/stacks.h"

namespace agl {

class Matcher {
 public:
  // `endTokens` end an answer: allowed exactly where the grammar may end, and at least one. Nothing is masked until `after` has been written.
  Matcher(std::shared_ptr<const Constraint> constraint, std::vector<std::int32_t> endTokens, std::string_view after = {});
  ~Matcher();

  enum class Kind { free, masked, dead };
  struct Mask {
    Kind kind = Kind::free;  // free: every token may come. dead: none may
    bool isForced = false;   // one choice is left: a token, or to end
  };
  // A bit for each output of the model; left alone where the mask is free.
  Mask fill(std::span<std::uint64_t> allowed);
  // The same; dead where there is no memory.
  Mask tryFill(std::span<std::uint64_t> allowed) noexcept;
  // A token that was allowed.
  void advance(std::int32_t token);

 private:
  struct Kept;
  class Opening;
  const grammar::Vocabulary& vocabulary() const { return constraint_->vocabulary->tokens; }
  Mask unite(std::span<std::uint64_t> allowed);
  void addTop(std::span<std::uint64_t> allowed, std::uint32_t top);
  void addInside(std::span<std::uint64_t> allowed, const grammar::Part& part, const grammar::Frame& frame,
                 const grammar::Unit::Masks& masks) const;
  void addLeaving(std::span<std::uint64_t> allowed, const grammar::Frame& frame);
  void walk(std::span<std::uint64_t> allowed, std::uint32_t node, std::uint32_t set);
  void addTokensAt(std::span<std::uint64_t> allowed, std::uint32_t node, std::uint32_t set) const;
  Mask close(std::span<std::uint64_t> allowed) const;
  std::uint32_t stepBytes(std::uint32_t set, std::span<const std::uint8_t> bytes);
  void forgetStacks();

  const std::shared_ptr<const Constraint> constraint_;
  const std::vector<std::int32_t> endTokens_;
  std::unique_ptr<grammar::Stacks> stacks_;
  std::uint32_t set_ = 0;
  std::unique_ptr<Opening> opening_;  // until the constraint begins
  std::vector<Kept> kept_;            // masks of sets met before
};

}  // namespace agl
