#include "sample/grammar/automaton.h"

#include <algorithm>

#include "core/error.h"

namespace agl::grammar {
namespace {

constexpr std::uint32_t kTabled = 512;        // states, a KiB each
constexpr std::uint32_t kMinimised = 2048;    // states
constexpr std::size_t kMostStates = 200'000;  // of one automaton

void checkSize(std::size_t states) {
  if (states <= kMostStates) return;
  throw Error("E_ARGUMENT", "policy.constrain: expected parts of at most " + std::to_string(kMostStates) +
                                " states each, got more; use shorter patterns, or fewer values of an enum");
}

using States = std::vector<ByteAutomaton::State>;

// Only what can reach an accepting state, the start first; edges side by side to one state are one edge.
States trimmed(const States& states) {
  std::vector<std::vector<std::uint32_t>> sources(states.size());
  std::vector<std::uint32_t> open;
  std::vector<bool> isLive(states.size());
  for (std::uint32_t s = 0; s < states.size(); s++) {
    for (const ByteEdge& edge : states[s].edges) sources[edge.state].push_back(s);
    if (states[s].accepts) open.push_back(s);
    isLive[s] = states[s].accepts;
  }
  while (!open.empty()) {
    const std::uint32_t s = open.back();
    open.pop_back();
    for (const std::uint32_t source : sources[s]) {
      if (!isLive[source]) open.push_back(source);
      isLive[source] = true;
    }
  }
  if (states.empty() || !isLive[0]) return {};
  std::vector<std::uint32_t> names(states.size(), kNoState);
  std::uint32_t next = 0;
  for (std::uint32_t s = 0; s < states.size(); s++) {
    if (isLive[s]) names[s] = next++;
  }
  States out;
  for (std::uint32_t s = 0; s < states.size(); s++) {
    if (!isLive[s]) continue;
    ByteAutomaton::State& state = out.emplace_back(ByteAutomaton::State{states[s].accepts, {}});
    for (const ByteEdge& edge : states[s].edges) {
      if (!isLive[edge.state]) continue;
      const std::uint32_t to = names[edge.state];
      const bool goesOn = !state.edges.empty() && state.edges.back().state == to && state.edges.back().to + 1 == edge.from;
      if (goesOn) {
        state.edges.back().to = edge.to;
      } else {
        state.edges.push_back({edge.from, edge.to, to});
      }
    }
  }
  return out;
}

// Moore 1956: split classes until every state of one does the same. The start stays first.
States minimised(const States& states) {
  std::vector<std::uint32_t> classes(states.size());
  std::size_t count = 0;
  for (;;) {
    std::map<std::vector<std::uint32_t>, std::uint32_t> seen;
    std::vector<std::uint32_t> next;
    for (std::uint32_t s = 0; s < states.size(); s++) {
      std::vector<std::uint32_t> key = {classes[s], states[s].accepts ? 1U : 0U};
      for (const ByteEdge& edge : states[s].edges) {
        const std::uint32_t to = classes[edge.state];
        const bool goesOn = key.size() > 2 && key.back() == to && (key[key.size() - 2] & 0xffU) + 1 == edge.from;
        if (goesOn) {
          key[key.size() - 2] += edge.to - (key[key.size() - 2] & 0xffU);
        } else {
          key.push_back(static_cast<std::uint32_t>(edge.from) << 8 | edge.to);
          key.push_back(to);
        }
      }
      next.push_back(seen.emplace(std::move(key), static_cast<std::uint32_t>(seen.size())).first->second);
    }
    classes = std::move(next);
    if (seen.size() == count) break;
    count = seen.size();
  }
  States out(count);
  std::vector<bool> isDone(count);
  for (std::uint32_t s = 0; s < states.size(); s++) {
    if (isDone[classes[s]]) continue;
    isDone[classes[s]] = true;
    out[classes[s]] = states[s];
    for (ByteEdge& edge : out[classes[s]].edges) edge.state = classes[edge.state];
  }
  return trimmed(out);
}

}  // namespace

ByteAutomaton::ByteAutomaton(std::vector<State> states) : states_(trimmed(states)) {
  if (states_.size() <= kMinimised) states_ = minimised(states_);
  if (states_.size() > kTabled) return;
  table_.assign(states_.size() * 256, kNoState);
  for (std::uint32_t s = 0; s < states_.size(); s++) {
    for (const ByteEdge& edge : states_[s].edges) {
      std::fill(table_.begin() + s * 256 + edge.from, table_.begin() + s * 256 + edge.to + 1, edge.state);
    }
  }
}

bool ByteAutomaton::isPrefixFree() const {
  return std::ranges::all_of(states_, [](const State& state) { return !state.accepts || state.edges.empty(); });
}

std::vector<std::uint32_t> ByteAutomaton::content() const {
  std::vector<std::uint32_t> out;
  for (const State& state : states_) {
    out.push_back(state.accepts ? 1 : 0);
    out.push_back(static_cast<std::uint32_t>(state.edges.size()));
    for (const ByteEdge& edge : state.edges) {
      out.push_back(static_cast<std::uint32_t>(edge.from) << 8 | edge.to);
      out.push_back(edge.state);
    }
  }
  return out;
}

std::uint32_t AutomatonBuilder::build(std::uint32_t index, std::uint32_t end) {
  const Node& node = grammar_.nodes[index];
  switch (node.kind) {
    case NodeKind::text:
      for (auto code = node.ranges.rbegin(); code != node.ranges.rend(); ++code) {
        const std::uint32_t begin = add();
        addRange(begin, *code, end);
        end = begin;
      }
      return end;
    case NodeKind::characters: {
      const std::uint32_t begin = add();
      for (const CodeRange& range : node.ranges) addRange(begin, range, end);
      return begin;
    }
    case NodeKind::sequence:
      for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) end = build(*child, end);
      return end;
    case NodeKind::choice: return buildAny(node.children, end);
    case NodeKind::repeat: return buildRepeat(node, end);
    case NodeKind::rule: return build(grammar_.rules[node.index], end);
    case NodeKind::automaton: return buildAutomaton(node, end);
    case NodeKind::token: break;
  }
  throw Error("E_INTERNAL", "policy.constrain: expected a regular part of a grammar");
}

std::uint32_t AutomatonBuilder::buildAny(const std::vector<std::uint32_t>& nodes, std::uint32_t end) {
  const std::uint32_t begin = add();
  for (const std::uint32_t node : nodes) {
    const std::uint32_t start = build(node, end);
    states_[begin].empties.push_back(start);
  }
  return begin;
}

std::uint32_t AutomatonBuilder::buildLoop(std::uint32_t item, std::uint32_t end) {
  const std::uint32_t loop = add();
  const std::uint32_t start = build(item, loop);
  states_[loop].empties = {start, end};
  return loop;
}

ByteAutomaton AutomatonBuilder::determine(std::uint32_t start) const {
  std::map<std::vector<std::uint32_t>, std::uint32_t> names;
  std::vector<const std::vector<std::uint32_t>*> sets;
  const auto nameOf = [&](std::vector<std::uint32_t> set) {
    close(set);
    const auto [place, isNew] = names.emplace(std::move(set), static_cast<std::uint32_t>(sets.size()));
    if (isNew) sets.push_back(&place->first);
    checkSize(sets.size());
    return place->second;
  };
  nameOf({start});
  States out;
  for (std::size_t s = 0; s < sets.size(); s++) {
    std::vector<ByteEdge> edges;
    std::vector<int> cuts = {256};
    for (const std::uint32_t each : *sets[s]) {
      for (const ByteEdge& edge : states_[each].edges) {
        edges.push_back(edge);
        cuts.push_back(edge.from);
        cuts.push_back(edge.to + 1);
      }
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::ranges::sort(edges, {}, &ByteEdge::from);
    ByteAutomaton::State state{std::ranges::binary_search(*sets[s], kAccept), {}};
    for (std::size_t i = 0; i + 1 < cuts.size(); i++) {
      std::vector<std::uint32_t> to;
      for (const ByteEdge& edge : edges) {
        if (edge.from > cuts[i]) break;
        if (edge.to >= cuts[i]) to.push_back(edge.state);
      }
      if (to.empty()) continue;
      state.edges.push_back({static_cast<std::uint8_t>(cuts[i]), static_cast<std::uint8_t>(cuts[i + 1] - 1), nameOf(std::move(to))});
    }
    out.push_back(std::move(state));
  }
  return ByteAutomaton(std::move(out));
}

// --- internal ---

std::uint32_t AutomatonBuilder::add() {
  checkSize(states_.size() / 8);
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

// Splits the range until the bytes of its code points are the product of a range for each place.
void AutomatonBuilder::addRange(std::uint32_t from, CodeRange range, std::uint32_t end) {
  for (const std::uint32_t last : {0x7fU, 0x7ffU, 0xffffU}) {
    if (range.from <= last && last < range.to) {
      addRange(from, {range.from, last}, end);
      addRange(from, {last + 1, range.to}, end);
      return;
    }
  }
  for (unsigned bits = 6; bits <= 18 && range.to > 0x7f; bits += 6) {
    const std::uint32_t mask = (1U << bits) - 1;
    if ((range.from & ~mask) == (range.to & ~mask)) break;
    if ((range.from & mask) != 0) {
      addRange(from, {range.from, range.from | mask}, end);
      addRange(from, {(range.from | mask) + 1, range.to}, end);
      return;
    }
    if ((range.to & mask) != mask) {
      addRange(from, {range.from, (range.to & ~mask) - 1}, end);
      addRange(from, {range.to & ~mask, range.to}, end);
      return;
    }
  }
  addBytes(from, range, end);
}

void AutomatonBuilder::addBytes(std::uint32_t from, CodeRange range, std::uint32_t end) {
  const unsigned length = range.to <= 0x7f ? 1 : range.to <= 0x7ff ? 2 : range.to <= 0xffff ? 3 : 4;
  const auto byteAt = [length](std::uint32_t code, unsigned place) {
    if (length == 1) return static_cast<std::uint8_t>(code);
    const std::uint32_t lead = place == 0 ? 0xffU << (8 - length) & 0xffU : 0x80U;
    const std::uint32_t bits = code >> 6 * (length - 1 - place);
    return static_cast<std::uint8_t>(lead | (place == 0 ? bits : bits & 0x3fU));
  };
  for (unsigned place = length - 1; place > 0; place--) {
    const std::uint8_t low = byteAt(range.from, place), high = byteAt(range.to, place);
    const auto [tail, isNew] = tails_.emplace(std::tuple(low, high, end), 0);
    if (isNew) {
      tail->second = add();
      states_[tail->second].edges.push_back({low, high, end});
    }
    end = tail->second;
  }
  states_[from].edges.push_back({byteAt(range.from, 0), byteAt(range.to, 0), end});
}

// Of few repetitions (NodeFacts).
std::uint32_t AutomatonBuilder::buildRepeat(const Node& node, std::uint32_t end) {
  const std::uint32_t item = node.children[0];
  std::uint32_t begin = end;
  for (std::uint32_t i = node.max.value_or(node.min); i > 0; i--) {
    const std::uint32_t start = build(item, begin);
    if (i > node.min) {
      begin = add();
      states_[begin].empties = {start, end};
    } else {
      begin = start;
    }
  }
  return begin;
}

std::uint32_t AutomatonBuilder::buildAutomaton(const Node& node, std::uint32_t end) {
  std::vector<std::uint32_t> names;
  for (std::size_t s = 0; s < node.states.size(); s++) names.push_back(add());
  for (std::size_t s = 0; s < node.states.size(); s++) {
    for (const CodeEdge& edge : node.states[s].edges) addRange(names[s], edge.range, names[edge.state]);
    if (node.states[s].accepts) states_[names[s]].empties.push_back(end);
  }
  return names[0];
}

// The states that are reached without a byte, too; sorted.
void AutomatonBuilder::close(std::vector<std::uint32_t>& set) const {
  std::ranges::sort(set);
  set.erase(std::unique(set.begin(), set.end()), set.end());
  for (std::size_t i = 0; i < set.size(); i++) {
    for (const std::uint32_t next : states_[set[i]].empties) {
      if (std::find(set.begin(), set.end(), next) == set.end()) set.push_back(next);
    }
  }
  std::ranges::sort(set);
}

}  // namespace agl::grammar
