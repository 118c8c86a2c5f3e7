#include "sample/grammar/unit.h"

#include <algorithm>

namespace agl::grammar {

static constexpr std::size_t kFew = 512;
static constexpr std::size_t kMostKept = std::size_t{8} << 20;  // bytes of one unit's masks

Unit::Unit(const Vocabulary& vocabulary, ByteAutomaton automaton, bool isCounted)
    : vocabulary_(vocabulary), automaton_(std::move(automaton)), isCounted_(isCounted) {
  if (!vocabulary_.isComplete()) findWritable();
}

std::size_t Unit::Masks::bytes() const {
  return sizeof(Masks) + 8 * (few.size() + bits.size() + exits.size()) + items.size();
}

std::size_t Unit::prepare(std::uint32_t state) const {
  {
    const std::shared_lock lock(mutex_);
    if (masks_.contains(state)) return 0;
  }
  return masks(state)->looked;
}

std::shared_ptr<const Unit::Masks> Unit::masks(std::uint32_t state) const {
  {
    const std::shared_lock lock(mutex_);
    const auto found = masks_.find(state);
    if (found != masks_.end()) return found->second;
  }
  auto made = std::make_shared<const Masks>(build(state));
  const std::unique_lock lock(mutex_);
  makeRoom(made->bytes());
  return masks_.emplace(state, std::move(made)).first->second;
}

std::shared_ptr<const std::vector<Unit::Place>> Unit::exitsBefore(std::uint32_t state, std::uint8_t byte) const {
  const std::uint32_t key = state << 8 | byte;
  {
    const std::shared_lock lock(mutex_);
    const auto found = exits_.find(key);
    if (found != exits_.end()) return found->second;
  }
  auto made = std::make_shared<const std::vector<Place>>(buildExits(state, byte));
  const std::unique_lock lock(mutex_);
  makeRoom(sizeof(Place) * made->size());
  return exits_.emplace(key, std::move(made)).first->second;
}

std::size_t Unit::bytes() const {
  std::size_t edges = 0;
  for (std::uint32_t s = 0; s < automaton_.size(); s++) edges += automaton_.state(s).edges.size();
  const std::shared_lock lock(mutex_);
  return sizeof(Unit) + automaton_.size() * sizeof(ByteAutomaton::State) + edges * sizeof(ByteEdge) + kept_;
}

// --- internal ---

// With the lock held. Whoever reads what is forgotten here holds it.
void Unit::makeRoom(std::size_t bytes) const {
  if (kept_ + bytes > kMostKept) {
    masks_.clear();
    exits_.clear();
    kept_ = 0;
  }
  kept_ += bytes;
}

// Whether these bytes, whole tokens, lead from the state to one that is known to be writable.
bool Unit::leads(std::uint32_t state, std::span<const std::uint8_t> bytes) const {
  for (const std::uint8_t byte : bytes) {
    state = automaton_.next(state, byte);
    if (state == kNoState) return false;
  }
  return isWritable_[state];
}

// Of tokens that are a byte or a character; longer ones alone lead nowhere new in the vocabularies there are.
void Unit::findWritable() {
  std::vector<std::span<const std::uint8_t>> words;
  for (std::uint32_t node = 1; node < vocabulary_.nodes(); node++) {
    for (const std::uint32_t token : vocabulary_.tokensAt(node)) {
      if (vocabulary_.bytesOf(token).size() <= 4) words.push_back(vocabulary_.bytesOf(token));
    }
  }
  isWritable_.assign(automaton_.size(), false);
  for (std::uint32_t s = 0; s < automaton_.size(); s++) isWritable_[s] = automaton_.accepts(s);
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (std::uint32_t s = automaton_.size(); s-- > 0;) {
      if (isWritable_[s]) continue;
      isWritable_[s] = std::ranges::any_of(words, [&](const auto& word) { return leads(s, word); });
      isChanged = isChanged || isWritable_[s];
    }
  }
}

struct Unit::Walk {
  std::uint32_t looked = 0;
  std::vector<Inside> inside;
  std::vector<Place> exits;
};

// The trie in its own order, as far as the automaton follows.
void Unit::follow(std::uint32_t state, Walk& walk) const {
  struct Open {
    std::uint32_t end, state;
    std::uint8_t items;
  };
  std::vector<Open> path = {{vocabulary_.nodes(), state, 0}};
  for (std::uint32_t node = 1; node < vocabulary_.nodes();) {
    while (node >= path.back().end) path.pop_back();
    const Open at = path.back();
    walk.looked++;
    const std::uint32_t end = vocabulary_.end(node);
    const std::uint32_t next = automaton_.next(at.state, vocabulary_.byte(node));
    if (next == kNoState) {
      node = end;
      continue;
    }
    const bool isEnd = automaton_.accepts(next);
    if (isWritable(next)) {
      for (const std::uint32_t token : vocabulary_.tokensAt(node)) walk.inside.push_back({token, at.items});
    }
    const bool hasChildren = end > node + 1;
    const auto ended = static_cast<std::uint8_t>(at.items + (isCounted_ && isEnd ? 1 : 0));
    if (isEnd && hasChildren) walk.exits.push_back({node, ended});
    const std::uint32_t onward = isCounted_ && isEnd ? 0 : next;
    const bool goesOn = hasChildren && ended < kMostItems && automaton_.hasEdges(onward);
    if (goesOn) path.push_back({end, onward, ended});
    node = goesOn ? node + 1 : end;
  }
}

Unit::Masks Unit::build(std::uint32_t state) const {
  Walk walk;
  follow(state, walk);
  Masks masks;
  masks.looked = walk.looked;
  masks.hasMany = walk.inside.size() > kFew;
  masks.hasManyExits = walk.exits.size() > kFew;
  if (!masks.hasManyExits) masks.exits = std::move(walk.exits);
  if (!masks.hasMany) {
    masks.few = std::move(walk.inside);
    return masks;
  }
  masks.bits.assign(vocabulary_.words(), 0);
  if (isCounted_) masks.items.assign(static_cast<std::size_t>(vocabulary_.outputs()), kOutside);
  for (const Inside& each : walk.inside) {
    masks.bits[each.token / 64] |= std::uint64_t{1} << each.token % 64;
    if (isCounted_) masks.items[each.token] = each.items;
  }
  return masks;
}

std::vector<Unit::Place> Unit::buildExits(std::uint32_t state, std::uint8_t byte) const {
  std::vector<Place> places;
  std::vector<std::uint8_t> path;
  for (const std::uint32_t node : vocabulary_.nodesWith(byte)) {
    std::uint32_t at = state;
    int items = 0;
    bool isEnd = false;  // of the unit, or of an item
    for (const std::uint8_t each : vocabulary_.pathTo(vocabulary_.parent(node), path)) {
      at = automaton_.next(isCounted_ && isEnd ? 0 : at, each);
      isEnd = at != kNoState && automaton_.accepts(at);
      if (at == kNoState) break;
      if (isEnd && isCounted_) items++;
    }
    if (isEnd && items <= kMostItems) places.push_back({node, static_cast<std::uint8_t>(items)});
  }
  return places;
}

}  // namespace agl::grammar
