// A grammar as src/grammar/grammar.ts describes it: context-free over code points, with counted repetition. Read from one array of numbers,
// checked; what it means to bytes and tokens is program.h's business.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace agl::grammar {

enum class NodeKind : std::uint8_t { text, characters, sequence, choice, repeat, rule, automaton, token };

// Inclusive.
struct CodeRange {
  std::uint32_t from, to;
};

struct CodeEdge {
  CodeRange range;
  std::uint32_t state;
};

struct CodeState {
  bool accepts;
  std::vector<CodeEdge> edges;
};

struct Node {
  NodeKind kind = NodeKind::sequence;
  std::vector<CodeRange> ranges;        // text: one for each code point; characters
  std::vector<std::uint32_t> children;  // sequence, choice, repeat (one): nodes
  std::uint32_t min = 0;                // repeat
  std::optional<std::uint32_t> max;
  std::uint32_t index = 0;              // rule, or token
  std::vector<CodeState> states;        // automaton
};

struct Grammar {
  std::vector<Node> nodes;           // children before their parents
  std::vector<std::uint32_t> rules;  // the node of each
};

// Numbers: how many rules, then the node of each. A node is its kind (in the order of NodeKind) and
//   text        count, code points            characters  count, from and to of each range
//   sequence    count, nodes                  choice      count, nodes
//   repeat      min, 1 and max or 0 and 0, node
//   rule        rule                          token       id
//   automaton   count of states; of each whether it accepts, count of edges, from, to and state of each edge
// Throws E_ARGUMENT.
Grammar readGrammar(std::span<const std::int32_t> words);

}  // namespace agl::grammar
