// What a grammar may go on with: a set of stacks, since choices may overlap. Stacks share what lies below, equal ones are one, and where a set
// leads by a byte is remembered, so that the tokens of a trie are walked as by a deterministic automaton.
// A set holds at most kMostStacks; what is beyond is let go, which forbids texts and never allows one.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sample/grammar/program.h"

namespace agl::grammar {

// What waits on a stack: in a unit at a state, counted with the items begun; of a sequence before child `at`; of a repetition with the items done.
struct Frame {
  std::uint32_t part;
  std::uint32_t at;
  std::uint32_t count;
  std::uint32_t below;  // 0 is the end of the grammar
  bool operator==(const Frame&) const = default;
};

class Stacks {
 public:
  static constexpr std::size_t kMostStacks = 1024;
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit Stacks(const Program& program);

  // A set of stacks. The parts on top are units, counted units and tokens.
  struct Set {
    std::vector<std::uint32_t> tops;  // frames
    bool mayEnd = false;
    bool isWritable = false;  // a token may end here
    std::unique_ptr<std::array<std::uint32_t, 256>> next;
    std::unique_ptr<std::bitset<256>> begins;
  };

  std::uint32_t start();
  // kNone where nothing goes on with this byte.
  std::uint32_t step(std::uint32_t set, std::uint8_t byte);
  std::uint32_t stepToken(std::uint32_t set, std::uint32_t token);
  // What goes on when the frames from `below` down wait alone.
  std::uint32_t resumed(std::uint32_t below);
  // The bytes that a set goes on with.
  const std::bitset<256>& begins(std::uint32_t set);
  // What either of two goes on with; either may be kNone.
  std::uint32_t join(std::uint32_t a, std::uint32_t b);

  const Set& set(std::uint32_t set) const { return sets_[set]; }
  const Frame& frame(std::uint32_t frame) const { return frames_[frame]; }
  // Whether much is remembered beside the stacks that are needed.
  bool isLarge() const { return frames_.size() > mostFrames_ || sets_.size() > kMostSets; }
  // The same set among stacks that know nothing else.
  std::uint32_t moveTo(Stacks& other, std::uint32_t set) const;

 private:
  static constexpr std::size_t kFewFrames = 1 << 13, kMostSets = 1 << 9;
  static constexpr std::uint32_t kUnknown = 0xfffffffe;
  struct Hash {
    std::size_t operator()(const Frame& frame) const;
  };
  struct Begin {
    std::uint32_t part;  // kNone: what waits in `below`
    std::uint32_t below;
    std::uint32_t done;  // of a repetition: items
  };

  std::uint32_t intern(const Frame& frame);
  std::uint32_t close();  // the set of all that is open
  void open(std::uint32_t part, std::uint32_t below);
  void resume(std::uint32_t below) { open_.push_back({kNone, below, 0}); }
  void addTop(const Frame& frame);
  void enter(const Begin& begin);
  void wake(std::uint32_t below);
  void iterate(std::uint32_t part, std::uint32_t done, std::uint32_t below);
  void item(std::uint32_t part, std::uint32_t done, std::uint32_t below);
  void stepTop(const Frame& top, std::uint8_t byte);
  bool isWritableTop(const Frame& top) const;

  const Program& program_;
  std::size_t mostFrames_ = kFewFrames;
  std::vector<Frame> frames_;
  std::unordered_map<Frame, std::uint32_t, Hash> frameNames_;
  std::vector<Set> sets_;
  std::unordered_multimap<std::size_t, std::uint32_t> setNames_;
  std::unordered_map<std::uint32_t, std::uint32_t> resumed_;
  // Of the set being made.
  std::vector<Begin> open_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<std::uint32_t> tops_;
  bool mayEnd_ = false;
};

}  // namespace agl::grammar
