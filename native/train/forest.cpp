#include "train/forest.h"

#include <algorithm>
#include <unordered_map>

namespace agl {
namespace {

// The trie of all prefixes in order of insertion; node 0 is the empty prefix.
struct Trie {
  struct Node {
    std::int32_t token;
    std::int32_t depth;  // length of the prefix
    std::vector<std::int32_t> children;
    std::vector<std::int32_t> targets;  // distinct tokens predicted from here
    std::vector<std::int32_t> endings;  // sequences whose last row this is
  };
  std::vector<Node> nodes{{-1, 0, {}, {}, {}}};
  std::unordered_map<std::uint64_t, std::int32_t> edges;

  std::int32_t child(std::int32_t parent, std::int32_t token) {
    const std::uint64_t key =
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(parent)) << 32 | static_cast<std::uint32_t>(token);
    const auto [edge, isNew] = edges.try_emplace(key, static_cast<std::int32_t>(nodes.size()));
    if (isNew) {
      nodes.push_back({token, nodes[static_cast<std::size_t>(parent)].depth + 1, {}, {}, {}});
      nodes[static_cast<std::size_t>(parent)].children.push_back(edge->second);
    }
    return edge->second;
  }
  Node& at(std::int32_t index) { return nodes[static_cast<std::size_t>(index)]; }
};

std::int32_t targetIndex(std::vector<std::int32_t>& targets, std::int32_t token) {
  const auto found = std::find(targets.begin(), targets.end(), token);
  if (found != targets.end()) return static_cast<std::int32_t>(found - targets.begin());
  targets.push_back(token);
  return static_cast<std::int32_t>(targets.size()) - 1;
}

// A maximal stretch of rows without branches, and the ranges of rows above it.
struct Stretch {
  std::int32_t node;  // its first
  std::vector<KeyRun> path;
};

// A sequence in forest order: its rows, and how many of them the one before it has, too. In this order it shares with all before it exactly
// what it shares with that one.
struct Ordered {
  std::int64_t rows;
  std::int64_t shared;
};

std::vector<Ordered> measure(const Sequences& sequences, const std::vector<std::int32_t>& order) {
  std::vector<Ordered> measured;
  std::span<const std::int32_t> before;
  for (const std::int32_t index : order) {
    const std::span<const std::int32_t> tokens = sequences.at(static_cast<std::size_t>(index));
    const std::span<const std::int32_t> inputs = tokens.first(tokens.size() - 1);
    const auto end = std::mismatch(inputs.begin(), inputs.end(), before.begin(), before.end()).first;
    measured.push_back({static_cast<std::int64_t>(inputs.size()), end - inputs.begin()});
    before = inputs;
  }
  return measured;
}

// Micro-batches of at most `budget` rows, each as long as it can be.
std::vector<std::int32_t> cut(const std::vector<Ordered>& sequences, std::int64_t budget) {
  std::vector<std::int32_t> ends;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < sequences.size(); i++) {
    const std::int64_t added = sequences[i].rows - sequences[i].shared;
    if (rows > 0 && rows + added > budget) {
      ends.push_back(static_cast<std::int32_t>(i));
      rows = 0;
    }
    rows += rows == 0 ? sequences[i].rows : added;
  }
  if (!sequences.empty()) ends.push_back(static_cast<std::int32_t>(sequences.size()));
  return ends;
}

// The least budget that takes no more micro-batches: a larger budget never takes more, so it is found by halving.
std::int64_t leastBudget(const std::vector<Ordered>& sequences, std::int64_t budget, std::size_t most) {
  std::int64_t least = 1;
  for (const Ordered& each : sequences) least = std::max(least, each.rows);
  while (least < budget) {
    const std::int64_t middle = least + (budget - least) / 2;
    if (cut(sequences, middle).size() <= most) {
      budget = middle;
    } else {
      least = middle + 1;
    }
  }
  return budget;
}

}  // namespace

Forest plantForest(const Sequences& sequences) {
  Trie trie;
  // For each prediction: the trie node, then the index among its targets.
  std::vector<std::int32_t> sources;
  std::vector<std::int32_t> choices;
  for (std::size_t s = 0; s < sequences.count(); s++) {
    const std::span<const std::int32_t> tokens = sequences.at(s);
    std::int32_t node = 0;
    for (std::size_t t = 0; t + 1 < tokens.size(); t++) {
      node = trie.child(node, tokens[t]);
      sources.push_back(node);
      choices.push_back(targetIndex(trie.at(node).targets, tokens[t + 1]));
    }
  }

  Forest forest;
  std::vector<std::int32_t> rowOf(trie.nodes.size(), -1);
  std::vector<Stretch> pending;
  const auto plant = [&](const std::vector<std::int32_t>& children, const std::vector<KeyRun>& path) {
    for (auto child = children.rbegin(); child != children.rend(); ++child) pending.push_back({*child, path});
  };
  plant(trie.nodes[0].children, {});
  forest.targetBegins.push_back(0);
  while (!pending.empty()) {
    Stretch stretch = std::move(pending.back());
    pending.pop_back();
    const std::int32_t first = static_cast<std::int32_t>(forest.rows());
    const std::int32_t position = trie.at(stretch.node).depth - 1;
    std::int32_t node = stretch.node;
    for (;;) {
      const Trie::Node& at = trie.at(node);
      rowOf[static_cast<std::size_t>(node)] = static_cast<std::int32_t>(forest.rows());
      forest.tokens.push_back(at.token);
      forest.positions.push_back(at.depth - 1);
      forest.targets.insert(forest.targets.end(), at.targets.begin(), at.targets.end());
      forest.targetBegins.push_back(static_cast<std::int32_t>(forest.targets.size()));
      if (at.children.size() != 1) break;
      node = at.children[0];
    }
    const std::int32_t count = static_cast<std::int32_t>(forest.rows()) - first;
    appendRun(stretch.path, {first, count});
    const auto firstRun = static_cast<std::int32_t>(forest.runs.size());
    forest.runs.insert(forest.runs.end(), stretch.path.begin(), stretch.path.end());
    forest.tiles.push_back({first, count, position, firstRun, static_cast<std::int32_t>(stretch.path.size())});
    plant(trie.at(node).children, stretch.path);
  }

  forest.predictions.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); i++) {
    const std::int32_t row = rowOf[static_cast<std::size_t>(sources[i])];
    forest.predictionRows.push_back(row);
    forest.predictions.push_back(forest.targetBegins[static_cast<std::size_t>(row)] + choices[i]);
  }
  return forest;
}

Division divideBatch(const Sequences& sequences, std::int64_t budget, std::size_t shares) {
  Trie trie;
  for (std::size_t s = 0; s < sequences.count(); s++) {
    const std::span<const std::int32_t> tokens = sequences.at(s);
    std::int32_t node = 0;
    for (std::size_t t = 0; t + 1 < tokens.size(); t++) node = trie.child(node, tokens[t]);
    trie.at(node).endings.push_back(static_cast<std::int32_t>(s));
  }
  Division division;
  std::vector<std::int32_t> pending{0};
  while (!pending.empty()) {
    const Trie::Node& at = trie.at(pending.back());
    pending.pop_back();
    division.order.insert(division.order.end(), at.endings.begin(), at.endings.end());
    for (auto child = at.children.rbegin(); child != at.children.rend(); ++child) pending.push_back(*child);
  }
  division.distinct = static_cast<std::int64_t>(trie.nodes.size()) - 1;

  const std::vector<Ordered> measured = measure(sequences, division.order);
  division.ends = cut(measured, budget);
  if (shares > 1) {
    const std::size_t rounds = (division.ends.size() + shares - 1) / shares;
    division.ends = cut(measured, leastBudget(measured, budget, rounds * shares));
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < measured.size(); i++) {
    const bool isFirst = i == 0 || static_cast<std::size_t>(division.ends[next]) == i;
    if (isFirst && i > 0) next++;
    division.repeated += measured[i].rows - (isFirst ? 0 : measured[i].shared);
  }
  division.repeated -= division.distinct;
  return division;
}

}  // namespace agl
