#include "sample/grammar/reference_matcher.h"

#include <algorithm>

namespace agl::test {

using grammar::CodeRange;
using grammar::Node;
using grammar::NodeKind;

namespace {

// The code points whose UTF-8 begins with these bytes, as an interval; empty (from above to) if there is none. Whole: whether that is all of one.
CodeRange codesWith(const std::vector<std::uint8_t>& bytes, bool& isWhole) {
  const std::uint8_t lead = bytes[0];
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  isWhole = bytes.size() == length;
  if (length == 0 || bytes.size() > length) return {1, 0};
  std::uint32_t code = length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t i = 1; i < bytes.size(); i++) {
    if ((bytes[i] & 0xc0U) != 0x80) return {1, 0};
    code = code << 6 | (bytes[i] & 0x3fU);
  }
  const auto open = static_cast<unsigned>(6 * (length - bytes.size()));
  constexpr std::uint32_t kFirst[] = {0, 0, 0x80, 0x800, 0x10000}, kLast[] = {0, 0x7f, 0x7ff, 0xffff, 0x10ffff};
  return {std::max(code << open, kFirst[length]), std::min((code << open) + (1U << open) - 1, kLast[length])};
}

bool meet(const CodeRange& a, const CodeRange& b) { return a.from <= b.to && b.from <= a.to && b.from <= b.to; }

}  // namespace

ReferenceMatcher::ReferenceMatcher(const grammar::Grammar& grammar) : grammar_(&grammar) {
  expand({{grammar.rules[0]}});
}

void ReferenceMatcher::step(std::uint8_t byte) {
  std::vector<Way> next;
  for (const Way& way : ways_) read(way, byte, next);
  ways_.clear();
  for (Way& way : next) expand(std::move(way));
}

void ReferenceMatcher::stepToken(std::uint32_t token) {
  std::vector<Way> next;
  for (Way way : ways_) {
    if (way.empty()) continue;
    const Node& node = grammar_->nodes[way.back().node];
    if (node.kind != NodeKind::token || node.index != token) continue;
    way.pop_back();
    next.push_back(std::move(way));
  }
  ways_.clear();
  for (Way& way : next) expand(std::move(way));
}

bool ReferenceMatcher::mayEnd() const { return ways_.contains({}); }

// --- internal ---

void ReferenceMatcher::expand(Way way) {
  if (way.empty() || !way.back().bytes.empty()) {
    ways_.insert(std::move(way));
    return;
  }
  const Item item = way.back();
  const Node& node = grammar_->nodes[item.node];
  const auto without = [&way] { return Way(way.begin(), way.end() - 1); };
  const auto then = [&](Way from, std::uint32_t child) {
    from.push_back({child});
    expand(std::move(from));
  };
  switch (node.kind) {
    case NodeKind::text:
      if (item.at == node.ranges.size()) return expand(without());
      break;
    case NodeKind::sequence: {
      if (item.at == node.children.size()) return expand(without());
      way.back().at++;
      return then(std::move(way), node.children[item.at]);
    }
    case NodeKind::choice:
      for (const std::uint32_t child : node.children) then(without(), child);
      return;
    case NodeKind::repeat:
      if (item.at >= node.min) expand(without());
      if (node.max && item.at == *node.max) return;
      if (node.max || item.at < node.min) way.back().at++;
      return then(std::move(way), node.children[0]);
    case NodeKind::rule: return then(without(), grammar_->rules[node.index]);
    case NodeKind::automaton:
      if (node.states[item.at].accepts) expand(without());
      break;
    case NodeKind::characters:
    case NodeKind::token: break;
  }
  ways_.insert(std::move(way));
}

void ReferenceMatcher::read(const Way& way, std::uint8_t byte, std::vector<Way>& out) const {
  if (way.empty()) return;
  const Node& node = grammar_->nodes[way.back().node];
  Way next = way;
  Item& item = next.back();
  item.bytes.push_back(byte);
  bool isWhole = false;
  const CodeRange codes = codesWith(item.bytes, isWhole);
  const auto follow = [&](std::optional<std::uint32_t> at) {
    Way made = next;
    if (isWhole) {
      made.back().bytes.clear();
      if (at) {
        made.back().at = *at;
      } else {
        made.pop_back();
      }
    }
    out.push_back(std::move(made));
  };
  if (node.kind == NodeKind::text && item.at < node.ranges.size() && meet(node.ranges[item.at], codes)) follow(item.at + 1);
  if (node.kind == NodeKind::characters) {
    if (std::ranges::any_of(node.ranges, [&](const CodeRange& range) { return meet(range, codes); })) follow(std::nullopt);
  }
  if (node.kind == NodeKind::automaton) {
    for (const grammar::CodeEdge& edge : node.states[item.at].edges) {
      if (!meet(edge.range, codes)) continue;
      follow(edge.state);
      if (!isWhole) break;
    }
  }
}

}  // namespace agl::test
