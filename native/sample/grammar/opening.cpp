#include "sample/grammar/opening.h"

#include <algorithm>

namespace agl {

using grammar::Stacks;

Matcher::Opening::Opening(const grammar::Vocabulary& vocabulary, Stacks& stacks, std::uint32_t start, std::string_view after)
    : vocabulary_(vocabulary), stacks_(stacks), start_(start), after_(after), borders_(2, 0), wrong_(after.size()) {
  // borders_[n]: the longest proper prefix of the first n bytes that is also their suffix.
  for (std::size_t n = 1; n < after_.size(); n++) {
    borders_.push_back(extend(borders_[n], static_cast<std::uint8_t>(after_[n])));
  }
}

bool Matcher::Opening::fill(std::span<std::uint64_t> allowed) {
  if (!wrong_[matched_]) wrong_[matched_] = findWrong();
  if (wrong_[matched_]->empty()) return false;
  std::ranges::fill(allowed, ~std::uint64_t{0});
  const auto rest = static_cast<unsigned>(vocabulary_.outputs() % 64);
  if (rest != 0) allowed.back() = (std::uint64_t{1} << rest) - 1;
  for (const std::uint32_t token : *wrong_[matched_]) allowed[token / 64] &= ~(std::uint64_t{1} << token % 64);
  return true;
}

std::optional<std::span<const std::uint8_t>> Matcher::Opening::advance(std::span<const std::uint8_t> bytes) {
  const auto end = completedBy(bytes, matched_);
  return end ? std::optional(bytes.subspan(*end)) : std::nullopt;
}

// --- internal ---

std::size_t Matcher::Opening::extend(std::size_t matched, std::uint8_t byte) const {
  while (matched > 0 && static_cast<std::uint8_t>(after_[matched]) != byte) matched = borders_[matched];
  return static_cast<std::uint8_t>(after_[matched]) == byte ? matched + 1 : 0;
}

std::optional<std::size_t> Matcher::Opening::completedBy(std::span<const std::uint8_t> bytes, std::size_t& matched) const {
  for (std::size_t i = 0; i < bytes.size(); i++) {
    matched = extend(matched, bytes[i]);
    if (matched == after_.size()) return i + 1;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> Matcher::Opening::findWrong() {
  std::vector<std::uint32_t> wrong;
  std::vector<std::uint8_t> path;
  for (const std::uint32_t node : vocabulary_.nodesWith(static_cast<std::uint8_t>(after_.back()))) {
    if (!vocabulary_.hasChildren(node)) continue;
    const auto bytes = vocabulary_.pathTo(node, path);
    std::size_t matched = matched_;
    if (completedBy(bytes, matched) == bytes.size()) findWrongBelow(node, start_, wrong);
  }
  for (const std::uint32_t token : vocabulary_.special()) {
    const auto bytes = vocabulary_.bytesOf(token);
    std::size_t matched = matched_;
    const std::size_t end = completedBy(bytes, matched).value_or(bytes.size());
    std::uint32_t set = start_;
    for (std::size_t i = end; i < bytes.size() && set != Stacks::kNone; i++) set = stacks_.step(set, bytes[i]);
    if (set == Stacks::kNone || !stacks_.set(set).isWritable) wrong.push_back(token);
  }
  return wrong;
}

void Matcher::Opening::findWrongBelow(std::uint32_t node, std::uint32_t set, std::vector<std::uint32_t>& wrong) {
  const auto add = [&](std::span<const std::uint32_t> tokens) { wrong.insert(wrong.end(), tokens.begin(), tokens.end()); };
  vocabulary_.eachChild(node, [&](std::uint32_t child) {
    const std::uint32_t next = stacks_.step(set, vocabulary_.byte(child));
    if (next == Stacks::kNone) return add(vocabulary_.tokensBelow(child));
    if (!stacks_.set(next).isWritable) add(vocabulary_.tokensAt(child));
    if (vocabulary_.hasChildren(child)) findWrongBelow(child, next, wrong);
  });
}

}  // namespace agl
