#include "sample/grammar/stacks.h"

#include <algorithm>

namespace agl::grammar {

Stacks::Stacks(const Program& program) : program_(program), frames_(1) {}

std::uint32_t Stacks::start() {
  open(program_.start(), 0);
  return close();
}

std::uint32_t Stacks::step(std::uint32_t set, std::uint8_t byte) {
  if (sets_[set].next == nullptr) {
    sets_[set].next = std::make_unique<std::array<std::uint32_t, 256>>();
    sets_[set].next->fill(kUnknown);
  }
  const std::uint32_t known = (*sets_[set].next)[byte];
  if (known != kUnknown) return known;
  for (std::size_t i = 0; i < sets_[set].tops.size(); i++) {
    stepTop(Frame(frames_[sets_[set].tops[i]]), byte);
  }
  const std::uint32_t made = close();
  (*sets_[set].next)[byte] = made;
  return made;
}

std::uint32_t Stacks::stepToken(std::uint32_t set, std::uint32_t token) {
  for (const std::uint32_t top : sets_[set].tops) {
    const Part& part = program_.parts[frames_[top].part];
    if (part.kind == PartKind::token && part.index == token) resume(frames_[top].below);
  }
  return close();
}

std::uint32_t Stacks::resumed(std::uint32_t below) {
  const auto known = resumed_.find(below);
  if (known != resumed_.end()) return known->second;
  resume(below);
  const std::uint32_t made = close();
  resumed_.emplace(below, made);
  return made;
}

const std::bitset<256>& Stacks::begins(std::uint32_t set) {
  if (sets_[set].begins == nullptr) {
    auto made = std::make_unique<std::bitset<256>>();
    for (const std::uint32_t top : sets_[set].tops) {
      const Part& part = program_.parts[frames_[top].part];
      if (part.kind == PartKind::token) continue;
      for (const ByteEdge& edge : program_.units[part.index]->automaton().state(frames_[top].at).edges) {
        for (unsigned byte = edge.from; byte <= edge.to; byte++) made->set(byte);
      }
    }
    sets_[set].begins = std::move(made);
  }
  return *sets_[set].begins;
}

std::uint32_t Stacks::join(std::uint32_t a, std::uint32_t b) {
  for (const std::uint32_t each : {a, b}) {
    if (each == kNone) continue;
    for (const std::uint32_t top : sets_[each].tops) addTop(Frame(frames_[top]));
    mayEnd_ = mayEnd_ || sets_[each].mayEnd;
  }
  return close();
}

std::uint32_t Stacks::moveTo(Stacks& other, std::uint32_t set) const {
  for (const std::uint32_t top : sets_[set].tops) {
    std::vector<std::uint32_t> path;
    for (std::uint32_t at = top; at != 0; at = frames_[at].below) path.push_back(at);
    std::uint32_t below = 0;
    for (std::size_t i = path.size(); i-- > 1;) {
      Frame frame = frames_[path[i]];
      frame.below = below;
      below = other.intern(frame);
    }
    Frame frame = frames_[top];
    frame.below = below;
    other.addTop(frame);
  }
  other.mostFrames_ = std::max(kFewFrames, 2 * other.frames_.size());
  other.mayEnd_ = sets_[set].mayEnd;
  return other.close();
}

// --- internal ---

std::size_t Stacks::Hash::operator()(const Frame& frame) const {
  std::uint64_t hash = (std::uint64_t{frame.part} << 32 | frame.at) * 0x9e3779b97f4a7c15;
  hash = (hash ^ hash >> 29 ^ (std::uint64_t{frame.count} << 32 | frame.below)) * 0xbf58476d1ce4e5b9;
  return hash ^ hash >> 32;
}

std::uint32_t Stacks::intern(const Frame& frame) {
  const auto [place, isNew] = frameNames_.emplace(frame, static_cast<std::uint32_t>(frames_.size()));
  if (isNew) frames_.push_back(frame);
  return place->second;
}

void Stacks::open(std::uint32_t part, std::uint32_t below) {
  if (program_.parts[part].isWritable) open_.push_back({part, below, 0});
}

// Everything that is open, down to what stands before a byte or a token.
std::uint32_t Stacks::close() {
  while (!open_.empty()) {
    const Begin begin = open_.back();
    open_.pop_back();
    if (!seen_.insert(std::uint64_t{begin.part} << 32 | begin.below).second) continue;
    if (begin.part == kNone) {
      wake(begin.below);
    } else {
      enter(begin);
    }
  }
  seen_.clear();
  Set made;
  made.tops = std::move(tops_);
  made.mayEnd = mayEnd_;
  tops_.clear();
  mayEnd_ = false;
  if (made.tops.empty() && !made.mayEnd) return kNone;
  std::size_t hash = made.mayEnd ? 1 : 0;
  for (const std::uint32_t top : made.tops) hash = (hash ^ top) * 0x100000001b3 + 7;
  const auto [first, last] = setNames_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (sets_[known->second].tops == made.tops && sets_[known->second].mayEnd == made.mayEnd) return known->second;
  }
  made.isWritable = made.mayEnd || std::ranges::any_of(made.tops, [&](auto top) { return isWritableTop(frames_[top]); });
  sets_.push_back(std::move(made));
  setNames_.emplace(hash, static_cast<std::uint32_t>(sets_.size() - 1));
  return static_cast<std::uint32_t>(sets_.size() - 1);
}

void Stacks::addTop(const Frame& frame) {
  if (tops_.size() >= kMostStacks) return;
  const std::uint32_t top = intern(frame);
  if (seen_.insert(std::uint64_t{top} << 32 | kUnknown).second) tops_.push_back(top);
}

void Stacks::enter(const Begin& begin) {
  const Part& part = program_.parts[begin.part];
  switch (part.kind) {
    case PartKind::unit: {
      const ByteAutomaton& automaton = program_.units[part.index]->automaton();
      if (automaton.hasEdges(0)) addTop({begin.part, 0, 0, begin.below});
      if (automaton.accepts(0)) resume(begin.below);
      break;
    }
    case PartKind::counted: item(begin.part, 0, begin.below); break;
    case PartKind::sequence: {
      if (part.count == 0) return resume(begin.below);
      const std::uint32_t below = part.count > 1 ? intern({begin.part, 1, 0, begin.below}) : begin.below;
      open(program_.child(part, 0), below);
      break;
    }
    case PartKind::choice:
      for (std::uint32_t i = part.count; i-- > 0;) open(program_.child(part, i), begin.below);
      break;
    case PartKind::repeat: iterate(begin.part, 0, begin.below); break;
    case PartKind::rule: open(part.index, begin.below); break;
    case PartKind::token: addTop({begin.part, 0, 0, begin.below}); break;
  }
}

void Stacks::wake(std::uint32_t below) {
  if (below == 0) {
    mayEnd_ = true;
    return;
  }
  const Frame frame = frames_[below];
  const Part& part = program_.parts[frame.part];
  if (part.kind == PartKind::repeat) return iterate(frame.part, frame.count, frame.below);
  const std::uint32_t rest =
      frame.at + 1 < part.count ? intern({frame.part, frame.at + 1, 0, frame.below}) : frame.below;
  open(program_.child(part, frame.at), rest);
}

void Stacks::iterate(std::uint32_t index, std::uint32_t done, std::uint32_t below) {
  const Part& part = program_.parts[index];
  if (done >= part.min) resume(below);
  if (part.mayRepeat(done)) open(program_.child(part, 0), intern({index, 0, part.after(done), below}));
}

// The next item of a counted unit.
void Stacks::item(std::uint32_t index, std::uint32_t done, std::uint32_t below) {
  const Part& part = program_.parts[index];
  if (done >= part.min) resume(below);
  if (part.mayRepeat(done) && program_.units[part.index]->isWritable(0)) addTop({index, 0, part.after(done), below});
}

void Stacks::stepTop(const Frame& top, std::uint8_t byte) {
  const Part& part = program_.parts[top.part];
  if (part.kind == PartKind::token) return;
  const ByteAutomaton& automaton = program_.units[part.index]->automaton();
  const std::uint32_t next = automaton.next(top.at, byte);
  if (next == kNoState) return;
  if (part.kind == PartKind::counted && automaton.accepts(next)) return item(top.part, top.count, top.below);
  if (automaton.hasEdges(next)) addTop({top.part, next, top.count, top.below});
  if (automaton.accepts(next)) resume(top.below);
}

bool Stacks::isWritableTop(const Frame& top) const {
  const Part& part = program_.parts[top.part];
  return part.kind == PartKind::token || program_.units[part.index]->isWritable(top.at);
}

}  // namespace agl::grammar
