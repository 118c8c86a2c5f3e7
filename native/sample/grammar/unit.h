// A regular part of a grammar beside a vocabulary: which tokens stay inside it from each of its states, and where tokens may leave it. Both depend
// on the state alone, not on what stands around it, so they are kept, for every constraint that has the same part.
//   plain    its text is matched once
//   counted  its text is an item, repeated; how often is the caller's number. No item goes on to another, so a text tells how many items it has
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "sample/grammar/automaton.h"
#include "sample/grammar/vocabulary.h"

namespace agl::grammar {

class Unit {
 public:
  Unit(const Vocabulary& vocabulary, ByteAutomaton automaton, bool isCounted);

  static constexpr std::uint8_t kMostItems = 250;  // in one token
  static constexpr std::uint8_t kOutside = 255;

  // A place in a token, and how many items have ended by then.
  struct Place {
    std::uint32_t node;
    std::uint8_t items;
  };
  struct Inside {
    std::uint32_t token;
    std::uint8_t items;
  };
  // Of one state.
  struct Masks {
    bool hasMany = false;
    std::vector<Inside> few;           // tokens that stay inside, with the items that they begin beside the first
    std::vector<std::uint64_t> bits;   // the same where there are many: by token
    std::vector<std::uint8_t> items;   // and, counted, the items of each; kOutside for the others
    bool hasManyExits = false;
    std::vector<Place> exits;          // where the unit, or an item, ends before its token does; empty where there are many
    std::uint32_t looked = 0;          // nodes of the trie
    std::size_t bytes() const;
  };

  const ByteAutomaton& automaton() const { return automaton_; }
  // Whether the rest can be written in tokens that end where the unit does, or before: true everywhere if the vocabulary has all bytes.
  bool isWritable(std::uint32_t state) const { return isWritable_.empty() || isWritable_[state]; }

  // Makes the masks of a state; how many nodes of the trie that took, none where they were there.
  std::size_t prepare(std::uint32_t state) const;
  // From any thread.
  std::shared_ptr<const Masks> masks(std::uint32_t state) const;
  // Where a token that begins in `state` goes on with `byte` after an exit: the places after that byte.
  std::shared_ptr<const std::vector<Place>> exitsBefore(std::uint32_t state, std::uint8_t byte) const;
  std::size_t bytes() const;

 private:
  struct Walk;
  void findWritable();
  bool leads(std::uint32_t state, std::span<const std::uint8_t> bytes) const;
  Masks build(std::uint32_t state) const;
  void follow(std::uint32_t state, Walk& walk) const;
  std::vector<Place> buildExits(std::uint32_t state, std::uint8_t byte) const;
  void makeRoom(std::size_t bytes) const;

  const Vocabulary& vocabulary_;
  const ByteAutomaton automaton_;
  const bool isCounted_;
  std::vector<bool> isWritable_;
  mutable std::shared_mutex mutex_;
  mutable std::map<std::uint32_t, std::shared_ptr<const Masks>> masks_;
  mutable std::map<std::uint32_t, std::shared_ptr<const std::vector<Place>>> exits_;  // by state and byte
  mutable std::size_t kept_ = 0;                                                      // bytes
};

}  // namespace agl::grammar
