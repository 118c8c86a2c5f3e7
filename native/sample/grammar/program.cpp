#include "sample/grammar/program.h"

#include <algorithm>
#include <deque>

namespace agl::grammar {
namespace {

constexpr std::uint32_t kMostOfUnit = 4096;  // of what regularSizes counts
constexpr std::size_t kForgetUnits = 4096;   // look for dead ones then

class Lowering {
 public:
  Lowering(const Grammar& grammar, Units& units) : grammar_(grammar), units_(units), sizes_(regularSizes(grammar)) {
    program_.rules.assign(grammar.rules.size(), kNoState);
  }

  Program lower() {
    ruleNamed(0);
    while (!waiting_.empty()) {
      const std::uint32_t rule = waiting_.front();
      waiting_.pop_front();
      // The rule's part has its place already: it calls the body.
      const std::uint32_t body = part(grammar_.rules[rule]);
      const std::uint32_t first = addChildren({body});
      program_.parts[program_.rules[rule]].first = first;
      program_.parts[program_.rules[rule]].count = 1;
    }
    return std::move(program_);
  }

 private:
  std::uint32_t add(Part made) {
    program_.parts.push_back(made);
    return static_cast<std::uint32_t>(program_.parts.size() - 1);
  }
  std::uint32_t addChildren(const std::vector<std::uint32_t>& children) {
    const auto first = static_cast<std::uint32_t>(program_.children.size());
    program_.children.insert(program_.children.end(), children.begin(), children.end());
    return first;
  }
  std::uint32_t addGroup(PartKind kind, const std::vector<std::uint32_t>& children) {
    if (children.size() == 1) return children[0];
    Part made;
    made.kind = kind;
    made.first = addChildren(children);
    made.count = static_cast<std::uint32_t>(children.size());
    return add(made);
  }
  // A sequence of one: what calls the rule goes on there.
  std::uint32_t ruleNamed(std::uint32_t rule) {
    if (program_.rules[rule] == kNoState) {
      program_.rules[rule] = add({});
      waiting_.push_back(rule);
    }
    return program_.rules[rule];
  }
  std::uint32_t addUnit(ByteAutomaton automaton, Part made) {
    if (automaton.isEmpty()) return addGroup(PartKind::choice, {});
    made.index = static_cast<std::uint32_t>(program_.units.size());
    program_.units.push_back(units_.make(std::move(automaton), made.kind == PartKind::counted));
    return add(made);
  }
  std::uint32_t unitOf(PartKind group, const std::vector<std::uint32_t>& nodes) {
    AutomatonBuilder builder(grammar_);
    std::uint32_t start = AutomatonBuilder::kAccept;
    if (group == PartKind::sequence) {
      for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) start = builder.build(*node, start);
    } else {
      start = builder.buildAny(nodes, start);
    }
    Part made;
    made.kind = PartKind::unit;
    return addUnit(builder.determine(start), made);
  }
  bool isSmall(std::uint32_t node) const { return sizes_[node] && *sizes_[node] <= kMostOfUnit; }

  // The node that a rule stands for, and what that may stand for.
  std::uint32_t called(std::uint32_t node) const {
    for (int i = 0; i < 8 && grammar_.nodes[node].kind == NodeKind::rule; i++) node = grammar_.rules[grammar_.nodes[node].index];
    return node;
  }

  std::uint32_t part(std::uint32_t index) {
    const Node& node = grammar_.nodes[index];
    if (isSmall(index) || node.kind == NodeKind::automaton || node.kind == NodeKind::text ||
        node.kind == NodeKind::characters) {
      return unitOf(PartKind::sequence, {index});
    }
    if (node.kind == NodeKind::rule) {
      Part made;
      made.kind = PartKind::rule;
      made.index = ruleNamed(node.index);
      return add(made);
    }
    if (node.kind == NodeKind::token) {
      Part made;
      made.kind = PartKind::token;
      made.index = node.index;
      return add(made);
    }
    return node.kind == NodeKind::repeat ? repeat(node) : group(node);
  }

  // Small neighbours become one unit: of a sequence those side by side, of a choice all.
  std::uint32_t group(const Node& node) {
    const PartKind kind = node.kind == NodeKind::choice ? PartKind::choice : PartKind::sequence;
    std::vector<std::uint32_t> parts, run;
    std::uint32_t size = 0;
    const auto endRun = [&] {
      if (!run.empty()) parts.push_back(unitOf(kind, run));
      run.clear();
      size = 0;
    };
    for (const std::uint32_t child : node.children) {
      if (!isSmall(child)) {
        if (kind == PartKind::sequence) endRun();
        parts.push_back(part(child));
        continue;
      }
      if (size + *sizes_[child] > kMostOfUnit) endRun();
      size += *sizes_[child];
      run.push_back(child);
    }
    endRun();
    return addGroup(kind, parts);
  }

  std::uint32_t repeat(const Node& node) {
    const std::uint32_t item = called(node.children[0]);
    if (node.max == 0U) return addGroup(PartKind::sequence, {});
    Part made;
    made.min = node.min;
    made.max = node.max;
    if (isSmall(item) || grammar_.nodes[item].kind == NodeKind::automaton) {
      AutomatonBuilder builder(grammar_);
      ByteAutomaton automaton = builder.determine(builder.build(item, AutomatonBuilder::kAccept));
      const bool isPrefixFree = !automaton.isEmpty() && automaton.isPrefixFree() && !automaton.accepts(0);
      if (!node.max && node.min <= 1 && (isSmall(item) || isPrefixFree)) {
        std::uint32_t start = builder.buildLoop(item, AutomatonBuilder::kAccept);
        if (node.min == 1) start = builder.build(item, start);
        made.kind = PartKind::unit;
        return addUnit(builder.determine(start), made);
      }
      if (isPrefixFree) {
        made.kind = PartKind::counted;
        return addUnit(std::move(automaton), made);
      }
    }
    made.kind = PartKind::repeat;
    const std::uint32_t child = part(item);
    made.first = addChildren({child});
    made.count = 1;
    return add(made);
  }

  const Grammar& grammar_;
  Units& units_;
  const std::vector<std::optional<std::uint32_t>> sizes_;
  Program program_;
  std::deque<std::uint32_t> waiting_;
};

}  // namespace

std::size_t Program::bytes() const {
  std::size_t total = sizeof(Program) + parts.size() * sizeof(Part) + 4 * children.size();
  for (const auto& unit : units) total += unit->bytes();
  return total;
}

std::shared_ptr<const Unit> Units::make(ByteAutomaton automaton, bool isCounted) {
  std::vector<std::uint32_t> key = automaton.content();
  key.push_back(isCounted ? 1 : 0);
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const Unit>& known = units_[std::move(key)];
  if (auto unit = known.lock()) return unit;
  auto unit = std::make_shared<const Unit>(vocabulary_, std::move(automaton), isCounted);
  known = unit;
  if (units_.size() > kForgetUnits) std::erase_if(units_, [](const auto& each) { return each.second.expired(); });
  return unit;
}

Program makeProgram(const Grammar& grammar, const Vocabulary& vocabulary, Units& units) {
  Program program = Lowering(grammar, units).lower();
  checkProgram(program, vocabulary);
  return program;
}

}  // namespace agl::grammar
