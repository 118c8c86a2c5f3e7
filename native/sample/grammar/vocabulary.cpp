#include "sample/grammar/vocabulary.h"

#include <algorithm>

namespace agl::grammar {

Vocabulary::Vocabulary(std::vector<std::uint8_t> bytes, std::vector<std::uint32_t> offsets,
                       std::span<const std::int32_t> special, std::int64_t outputs)
    : outputs_(outputs), bytes_(std::move(bytes)), offsets_(std::move(offsets)) {
  isSpecial_.resize(offsets_.empty() ? 0 : offsets_.size() - 1);
  for (const std::int32_t token : special) {
    if (token < 0 || static_cast<std::size_t>(token) >= isSpecial_.size() || token >= outputs) continue;
    isSpecial_[static_cast<std::size_t>(token)] = true;
    special_.push_back(static_cast<std::uint32_t>(token));
  }
  sortTokens();
  buildTrie();
  indexBytes();
}

std::span<const std::uint8_t> Vocabulary::bytesOf(std::uint32_t token) const {
  if (token >= isSpecial_.size()) return {};
  return std::span(bytes_).subspan(offsets_[token], offsets_[token + 1] - offsets_[token]);
}

std::span<const std::uint8_t> Vocabulary::pathTo(std::uint32_t node, std::vector<std::uint8_t>& into) const {
  into.clear();
  for (; node != 0; node = parent_[node]) into.push_back(byte_[node]);
  std::ranges::reverse(into);
  return into;
}

// --- internal ---

void Vocabulary::sortTokens() {
  const auto count = std::min<std::size_t>(isSpecial_.size(), static_cast<std::size_t>(outputs_));
  for (std::uint32_t token = 0; token < count; token++) {
    const std::size_t length = bytesOf(token).size();
    if (length > 0 && length <= kLongest && !isSpecial_[token]) sorted_.push_back(token);
  }
  std::ranges::stable_sort(sorted_, [this](std::uint32_t a, std::uint32_t b) {
    return std::ranges::lexicographical_compare(bytesOf(a), bytesOf(b));
  });
}

void Vocabulary::buildTrie() {
  const auto add = [this](std::uint8_t byte, std::uint32_t parent, std::size_t tokens) {
    byte_.push_back(byte);
    parent_.push_back(parent);
    tokenBegin_.push_back(static_cast<std::uint32_t>(tokens));
    end_.push_back(0);
  };
  add(0, 0, 0);
  std::vector<std::uint32_t> path = {0};  // open nodes, the root first
  std::span<const std::uint8_t> before;
  for (std::size_t i = 0; i < sorted_.size(); i++) {
    const std::span<const std::uint8_t> bytes = bytesOf(sorted_[i]);
    const auto shared = static_cast<std::size_t>(std::ranges::mismatch(before, bytes).in1 - before.begin());
    for (; path.size() > shared + 1; path.pop_back()) end_[path.back()] = nodes();
    for (std::size_t at = shared; at < bytes.size(); at++) {
      add(bytes[at], path.back(), i);
      path.push_back(nodes() - 1);
    }
    before = bytes;
  }
  for (const std::uint32_t node : path) end_[node] = nodes();
  tokenBegin_.push_back(static_cast<std::uint32_t>(sorted_.size()));
}

void Vocabulary::indexBytes() {
  byByteBegin_.assign(257, 0);
  for (std::uint32_t node = 1; node < nodes(); node++) byByteBegin_[byte_[node] + 1U]++;
  for (std::size_t byte = 0; byte < 256; byte++) byByteBegin_[byte + 1] += byByteBegin_[byte];
  byByte_.resize(byByteBegin_[256]);
  std::vector<std::uint32_t> next(byByteBegin_.begin(), byByteBegin_.end() - 1);
  for (std::uint32_t node = 1; node < nodes(); node++) byByte_[next[byte_[node]]++] = node;
  std::size_t single = 0;
  eachChild(0, [&](std::uint32_t node) { single += tokensAt(node).empty() ? 0 : 1; });
  isComplete_ = single == 256;
}

}  // namespace agl::grammar
