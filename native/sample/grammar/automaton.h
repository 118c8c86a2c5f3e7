// Regular parts of a grammar as deterministic automata over bytes: code points are their UTF-8, so what is matched is valid UTF-8.
// Subset construction (Rabin & Scott 1959), then states that nothing tells apart become one.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "sample/grammar/grammar.h"

namespace agl::grammar {

constexpr std::uint32_t kNoState = 0xffffffff;

struct ByteEdge {
  std::uint8_t from, to;  // inclusive
  std::uint32_t state;
};

// From every state one that accepts can be reached; an automaton without states matches nothing.
class ByteAutomaton {
 public:
  struct State {
    bool accepts = false;
    std::vector<ByteEdge> edges;  // ascending, without overlap
  };
  explicit ByteAutomaton(std::vector<State> states = {});

  bool isEmpty() const { return states_.empty(); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(states_.size()); }
  const State& state(std::uint32_t s) const { return states_[s]; }
  bool accepts(std::uint32_t s) const { return states_[s].accepts; }
  bool hasEdges(std::uint32_t s) const { return !states_[s].edges.empty(); }
  std::uint32_t next(std::uint32_t s, std::uint8_t byte) const {
    if (!table_.empty()) return table_[s * 256 + byte];
    for (const ByteEdge& edge : states_[s].edges) {
      if (byte <= edge.to) return byte >= edge.from ? edge.state : kNoState;
    }
    return kNoState;
  }
  // No text that it accepts goes on to another.
  bool isPrefixFree() const;
  // What it does in numbers: equal for equal automata.
  std::vector<std::uint32_t> content() const;

 private:
  std::vector<State> states_;
  std::vector<std::uint32_t> table_;  // of small ones
};

// Its nondeterministic form, built from grammar nodes end to front: each part is given the state where it is to end.
class AutomatonBuilder {
 public:
  AutomatonBuilder(const Grammar& grammar) : grammar_(grammar), states_(1) {}

  static constexpr std::uint32_t kAccept = 0;
  // The state where the node begins that ends in `end`. Only of nodes that NodeFacts calls regular.
  std::uint32_t build(std::uint32_t node, std::uint32_t end);
  // Where any of the nodes begins.
  std::uint32_t buildAny(const std::vector<std::uint32_t>& nodes, std::uint32_t end);
  // A state where `item` is repeated any number of times before `end`.
  std::uint32_t buildLoop(std::uint32_t item, std::uint32_t end);
  // Throws E_ARGUMENT beyond kMostStates.
  ByteAutomaton determine(std::uint32_t start) const;

 private:
  struct State {
    std::vector<std::uint32_t> empties;
    std::vector<ByteEdge> edges;
  };
  std::uint32_t add();
  void addRange(std::uint32_t from, CodeRange range, std::uint32_t end);
  void addBytes(std::uint32_t from, CodeRange range, std::uint32_t end);
  std::uint32_t buildRepeat(const Node& node, std::uint32_t end);
  std::uint32_t buildAutomaton(const Node& node, std::uint32_t end);
  void close(std::vector<std::uint32_t>& set) const;

  const Grammar& grammar_;
  std::vector<State> states_;
  std::map<std::tuple<std::uint8_t, std::uint8_t, std::uint32_t>, std::uint32_t> tails_;  // last bytes of code points, shared
};

}  // namespace agl::grammar
