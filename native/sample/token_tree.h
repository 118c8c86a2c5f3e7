// The radix tree over what token memory holds: which prefixes of which adapter are computed, and in which slots. A node is a run of tokens; a
// path from a root is a prefix. Prompts that share a prefix share its nodes, so it is computed once (Law 2); a node splits where a prompt
// leaves it. Blocks are aligned to positions and counted; a block that two nodes fill in parts belongs to both.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/key_runs.h"
#include "model/token_memory.h"

namespace agl {

class TokenTree {
 public:
  struct Node {
    Node* parent = nullptr;
    std::vector<std::unique_ptr<Node>> children;
    std::vector<std::int32_t> tokens;
    std::int32_t start = 0;            // position of the first token
    std::vector<std::int32_t> blocks;  // block indices start / 32 .. (end() - 1) / 32
    int pins = 0;                      // sequences that end here
    std::uint64_t lastUse = 0;
    std::vector<float> hidden;  // normed state of the last token, where a prompt ended here; empty otherwise
    std::int32_t end() const { return start + static_cast<std::int32_t>(tokens.size()); }
  };

  explicit TokenTree(std::int64_t blocks);

  // The empty prefix under an adapter handle; -1 is the base model.
  Node* root(int adapter);
  // The node that ends where the longest known prefix of tokens ends; splits one if need be.
  Node* match(Node* root, std::span<const std::int32_t> tokens);
  // One more token after `tail`: in place when nobody else ends or continues there, in a new child otherwise, which goes on in the rest of tail's
  // last block unless another child does. Moves the pin of the caller's sequence, returns the token's slot. There must be a free block if one is needed.
  std::int32_t append(Node*& tail, std::int32_t token);
  void pin(Node* node) { node->pins++; }
  void unpin(Node* node) { node->pins--; }
  // Where the keys of the prefix that ends at `node` lie, position 0 upward.
  std::vector<KeyRun> runs(const Node* node) const;
  std::int32_t slot(const Node* node, std::int32_t position) const;

  std::int64_t freeBlocks() const { return static_cast<std::int64_t>(free_.size()); }
  // Blocks of prefixes that sequences need.
  std::int64_t pinnedBlocks() const;
  // Evicts prefixes that no sequence needs, least recently used first, until `blocks` are free; false when that is impossible.
  bool makeRoom(std::int64_t blocks);
  // Forgets everything of one adapter, whose weights have changed, or of all. No sequence may be pinned there.
  void drop(int adapter);
  void dropAll();

 private:
  struct Root {
    int adapter;
    std::unique_ptr<Node> node;
  };
  std::int32_t takeBlock();
  void releaseBlock(std::int32_t block);
  void release(Node& node);
  Node* split(Node* node, std::int32_t length);
  Node* oldestEvictable(Node* node);
  // Whether a sequence ends in the subtree; marks the blocks of the nodes above one.
  static bool markPinned(const Node& node, std::vector<bool>& pinned);
  // Blocks of subtrees without pins, an upper bound of what eviction frees; and whether the subtree has none.
  std::int64_t evictableBlocks(const Node& node, bool& unpinned) const;

  std::vector<Root> roots_;
  std::vector<std::int32_t> free_;
  std::vector<int> uses_;  // nodes that hold the block
  std::uint64_t clock_ = 0;
};

}  // namespace agl
