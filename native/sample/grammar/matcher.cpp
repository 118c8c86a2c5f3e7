#include "sample/grammar/matcher.h"

#include <algorithm>
#include <bit>

#include "core/fault.h"
#include "sample/grammar/opening.h"

namespace agl {

using grammar::Frame;
using grammar::Part;
using grammar::PartKind;
using grammar::Stacks;
using grammar::Unit;

namespace {

constexpr std::size_t kMostKept = 8;

void allow(std::span<std::uint64_t> allowed, std::uint32_t token) { allowed[token / 64] |= std::uint64_t{1} << token % 64; }

// Whether the unit may be left after this many items have ended in a token: always, unless they are counted.
bool mayLeave(const Part& part, const Frame& frame, std::uint8_t items) {
  if (part.kind != PartKind::counted) return true;
  const std::uint32_t ended = frame.count - 1 + items;
  return ended >= part.min && (!part.max || ended <= *part.max);
}

// How many items may begin beside the one that has begun.
std::uint32_t itemsLeft(const Part& part, const Frame& frame) {
  return part.max ? *part.max - frame.count : Unit::kMostItems;
}

}  // namespace

struct Matcher::Kept {
  std::uint32_t set;
  Mask mask;
  std::vector<std::uint64_t> allowed;
};

Matcher::Matcher(std::shared_ptr<const Constraint> constraint, std::vector<std::int32_t> endTokens, std::string_view after)
    : constraint_(std::move(constraint)),
      endTokens_(std::move(endTokens)),
      stacks_(std::make_unique<Stacks>(constraint_->program)),
      set_(stacks_->start()) {
  if (!after.empty()) opening_ = std::make_unique<Opening>(vocabulary(), *stacks_, set_, after);
}

Matcher::~Matcher() = default;

Matcher::Mask Matcher::fill(std::span<std::uint64_t> allowed) {
  if (opening_ != nullptr) return {opening_->fill(allowed) ? Kind::masked : Kind::free, false};
  if (set_ == Stacks::kNone) return {Kind::dead, false};
  const auto known = std::ranges::find(kept_, set_, &Kept::set);
  if (known != kept_.end()) {
    std::ranges::copy(known->allowed, allowed.begin());
    return known->mask;
  }
  const Mask mask = unite(allowed);
  if (kept_.size() == kMostKept) kept_.clear();
  kept_.push_back({set_, mask, {allowed.begin(), allowed.end()}});
  return mask;
}

Matcher::Mask Matcher::tryFill(std::span<std::uint64_t> allowed) noexcept {
  try {
    return fill(allowed);
  } catch (const std::bad_alloc&) {
    return {Kind::dead, false};
  }
}

void Matcher::advance(std::int32_t token) {
  const auto id = static_cast<std::uint32_t>(token);
  const std::span<const std::uint8_t> bytes = vocabulary().bytesOf(id);
  if (opening_ != nullptr) {
    const auto rest = opening_->advance(bytes);
    if (!rest) return;
    opening_.reset();
    set_ = stepBytes(set_, *rest);
    return;
  }
  if (set_ == Stacks::kNone) return;
  const std::uint32_t named = stacks_->stepToken(set_, id);
  const bool isText = !bytes.empty() && !vocabulary().isSpecial(id);
  const std::uint32_t written = isText ? stepBytes(set_, bytes) : Stacks::kNone;
  set_ = named == Stacks::kNone ? written : written == Stacks::kNone ? named : stacks_->join(written, named);
  if (stacks_->isLarge()) forgetStacks();
}

// --- internal ---

Matcher::Mask Matcher::unite(std::span<std::uint64_t> allowed) {
  std::ranges::fill(allowed, 0);
  const std::vector<std::uint32_t> tops = stacks_->set(set_).tops;
  for (const std::uint32_t top : tops) addTop(allowed, top);
  return close(allowed);
}

void Matcher::addTop(std::span<std::uint64_t> allowed, std::uint32_t top) {
  const Frame frame = stacks_->frame(top);
  const Part& part = constraint_->program.parts[frame.part];
  if (part.kind == PartKind::token) return allow(allowed, part.index);
  const auto masks = constraint_->program.units[part.index]->masks(frame.at);
  addInside(allowed, part, frame, *masks);
  if (masks->hasManyExits) return addLeaving(allowed, frame);
  if (masks->exits.empty()) return;
  const std::uint32_t rest = stacks_->resumed(frame.below);
  for (const Unit::Place& exit : masks->exits) {
    if (rest != Stacks::kNone && mayLeave(part, frame, exit.items)) walk(allowed, exit.node, rest);
  }
}

void Matcher::addInside(std::span<std::uint64_t> allowed, const Part& part, const Frame& frame,
                        const Unit::Masks& masks) const {
  const bool isCounted = part.kind == PartKind::counted && !isPlanted("UNCOUNTED_MASK");
  const std::uint32_t left = isCounted ? itemsLeft(part, frame) : Unit::kMostItems;
  for (const Unit::Inside& each : masks.few) {
    if (each.items <= left) allow(allowed, each.token);
  }
  if (!masks.hasMany) return;
  if (left >= Unit::kMostItems) {
    for (std::size_t i = 0; i < masks.bits.size(); i++) allowed[i] |= masks.bits[i];
    return;
  }
  const auto most = static_cast<std::uint8_t>(left);
  for (std::size_t word = 0; word < allowed.size(); word++) {
    if (masks.bits[word] == 0) continue;
    const std::size_t first = word * 64, count = std::min<std::size_t>(64, masks.items.size() - first);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < count; i++) bits |= std::uint64_t{masks.items[first + i] <= most} << i;
    allowed[word] |= bits;
  }
}

// Where nearly every token may be left anywhere, only what goes on with a byte that waits below is looked at.
void Matcher::addLeaving(std::span<std::uint64_t> allowed, const Frame& frame) {
  const Part& part = constraint_->program.parts[frame.part];
  const std::uint32_t rest = stacks_->resumed(frame.below);
  if (rest == Stacks::kNone) return;
  const std::bitset<256> begins = stacks_->begins(rest);
  for (unsigned byte = 0; byte < 256; byte++) {
    if (!begins[byte]) continue;
    const std::uint32_t next = stacks_->step(rest, static_cast<std::uint8_t>(byte));
    if (next == Stacks::kNone) continue;
    const auto places = constraint_->program.units[part.index]->exitsBefore(frame.at, static_cast<std::uint8_t>(byte));
    for (const Unit::Place& place : *places) {
      if (!mayLeave(part, frame, place.items)) continue;
      addTokensAt(allowed, place.node, next);
      walk(allowed, place.node, next);
    }
  }
}

void Matcher::walk(std::span<std::uint64_t> allowed, std::uint32_t node, std::uint32_t set) {
  vocabulary().eachChild(node, [&](std::uint32_t child) {
    const std::uint32_t next = stacks_->step(set, vocabulary().byte(child));
    if (next == Stacks::kNone) return;
    addTokensAt(allowed, child, next);
    if (vocabulary().hasChildren(child)) walk(allowed, child, next);
  });
}

void Matcher::addTokensAt(std::span<std::uint64_t> allowed, std::uint32_t node, std::uint32_t set) const {
  if (!stacks_->set(set).isWritable) return;
  for (const std::uint32_t token : vocabulary().tokensAt(node)) allow(allowed, token);
}

// End tokens are no text.
Matcher::Mask Matcher::close(std::span<std::uint64_t> allowed) const {
  const auto eachEnd = [&](auto visit) {
    for (const std::int32_t token : endTokens_) {
      const auto id = static_cast<std::uint32_t>(token);
      if (token >= 0 && id < vocabulary().outputs()) visit(allowed[id / 64], std::uint64_t{1} << id % 64);
    }
  };
  eachEnd([](std::uint64_t& word, std::uint64_t bit) { word &= ~bit; });
  int tokens = 0;
  for (std::size_t i = 0; i < allowed.size() && tokens < 2; i++) tokens += std::popcount(allowed[i]);
  const bool mayEnd = stacks_->set(set_).mayEnd;
  if (mayEnd) eachEnd([](std::uint64_t& word, std::uint64_t bit) { word |= bit; });
  if (!mayEnd && tokens == 0) return {Kind::dead, false};
  return {Kind::masked, tokens + (mayEnd ? 1 : 0) == 1};
}

std::uint32_t Matcher::stepBytes(std::uint32_t set, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    if (set == Stacks::kNone) break;
    set = stacks_->step(set, byte);
  }
  return set;
}

void Matcher::forgetStacks() {
  auto fresh = std::make_unique<Stacks>(constraint_->program);
  if (set_ != Stacks::kNone) set_ = stacks_->moveTo(*fresh, set_);
  stacks_ = std::move(fresh);
  kept_.clear();
}

}  // namespace agl
