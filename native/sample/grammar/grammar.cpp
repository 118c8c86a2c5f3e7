#include "sample/grammar/grammar.h"

#include <string>

#include "core/error.h"

namespace agl::grammar {
namespace {

constexpr std::size_t kMostNodes = 400'000;
constexpr int kMostDepth = 500;
constexpr std::uint32_t kLastCode = 0x10ffff;

[[noreturn]] void refuse(const std::string& what) { throw Error("E_ARGUMENT", "policy.constrain: " + what); }

class Reader {
 public:
  explicit Reader(std::span<const std::int32_t> words) : words_(words) {}

  Grammar read() {
    rules_ = count();
    if (rules_ == 0) refuse("expected a grammar with at least one rule, got none");
    for (std::uint32_t rule = 0; rule < rules_; rule++) grammar_.rules.push_back(node(0));
    if (at_ != words_.size()) refuse("expected a grammar to end after its last rule, got more numbers");
    return std::move(grammar_);
  }

 private:
  std::uint32_t next() {
    if (at_ == words_.size()) refuse("expected the whole of a grammar, it ended early");
    const std::int32_t word = words_[at_++];
    if (word < 0) refuse("expected numbers of at least 0 in a grammar, got " + std::to_string(word));
    return static_cast<std::uint32_t>(word);
  }
  // Of things that take a number each, at least.
  std::uint32_t count() {
    const std::uint32_t n = next();
    if (n > words_.size() - at_) refuse("expected the whole of a grammar, it ended early");
    return n;
  }
  std::uint32_t below(std::uint32_t limit, const char* what) {
    const std::uint32_t n = next();
    if (n >= limit) refuse(std::string("expected ") + what + " below " + std::to_string(limit) + ", got " + std::to_string(n));
    return n;
  }
  CodeRange range(std::int64_t after) {
    const CodeRange read{next(), next()};
    const bool hasSurrogates = read.from <= 0xdfff && read.to >= 0xd800;
    if (read.from > read.to || read.to > kLastCode || hasSurrogates || static_cast<std::int64_t>(read.from) <= after) {
      refuse("expected ascending ranges of code points without surrogates, got " + std::to_string(read.from) + " to " +
             std::to_string(read.to));
    }
    return read;
  }

  std::uint32_t node(int depth) {
    if (depth > kMostDepth) refuse("expected a grammar nested at most " + std::to_string(kMostDepth) + " deep");
    if (grammar_.nodes.size() >= kMostNodes) refuse("expected a grammar of at most " + std::to_string(kMostNodes) + " nodes");
    Node read;
    read.kind = static_cast<NodeKind>(below(8, "a node's kind"));
    content(read, depth);
    grammar_.nodes.push_back(std::move(read));
    return static_cast<std::uint32_t>(grammar_.nodes.size() - 1);
  }

  void content(Node& read, int depth) {
    switch (read.kind) {
      case NodeKind::text:
        for (std::uint32_t left = count(); left > 0; left--) {
          const std::uint32_t code = next();
          if (code > kLastCode || (code >= 0xd800 && code <= 0xdfff)) refuse("expected text without half a surrogate pair");
          read.ranges.push_back({code, code});
        }
        break;
      case NodeKind::characters: ranges(read); break;
      case NodeKind::sequence:
      case NodeKind::choice:
        for (std::uint32_t left = count(); left > 0; left--) read.children.push_back(node(depth + 1));
        break;
      case NodeKind::repeat: repeat(read, depth); break;
      case NodeKind::rule: read.index = below(rules_, "a rule"); break;
      case NodeKind::automaton: automaton(read); break;
      case NodeKind::token: read.index = next(); break;
    }
  }

  void ranges(Node& read) {
    std::int64_t last = -1;
    for (std::uint32_t left = count(); left > 0; left--) {
      read.ranges.push_back(range(last));
      last = read.ranges.back().to;
    }
  }

  void repeat(Node& read, int depth) {
    read.min = next();
    const bool isBounded = below(2, "a flag") == 1;
    const std::uint32_t max = next();
    if (isBounded) read.max = max;
    if (isBounded && max < read.min) refuse("expected a repetition's least count to be at most its most");
    read.children.push_back(node(depth + 1));
  }

  void automaton(Node& read) {
    const std::uint32_t states = count();
    if (states == 0) refuse("expected an automaton with at least one state");
    for (std::uint32_t s = 0; s < states; s++) {
      CodeState state{below(2, "a flag") == 1, {}};
      std::int64_t last = -1;
      for (std::uint32_t left = count(); left > 0; left--) {
        const CodeRange codes = range(last);
        last = codes.to;
        state.edges.push_back({codes, below(states, "a state")});
      }
      read.states.push_back(std::move(state));
    }
  }

  std::span<const std::int32_t> words_;
  std::size_t at_ = 0;
  std::uint32_t rules_ = 0;
  Grammar grammar_;
};

}  // namespace

Grammar readGrammar(std::span<const std::int32_t> words) { return Reader(words).read(); }

}  // namespace agl::grammar
