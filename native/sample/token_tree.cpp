#include "sample/token_tree.h"

#include <algorithm>

#include "core/error.h"
#include "core/fault.h"

namespace agl {

constexpr std::int32_t kBlock = TokenMemory::kBlock;

TokenTree::TokenTree(std::int64_t blocks) : uses_(static_cast<std::size_t>(blocks), 0) {
  for (std::int64_t block = blocks - 1; block >= 0; block--) free_.push_back(static_cast<std::int32_t>(block));
}

TokenTree::Node* TokenTree::root(int adapter) {
  for (Root& root : roots_) {
    if (root.adapter == adapter) return root.node.get();
  }
  roots_.push_back({adapter, std::make_unique<Node>()});
  return roots_.back().node.get();
}

TokenTree::Node* TokenTree::match(Node* root, std::span<const std::int32_t> tokens) {
  Node* node = root;
  clock_++;
  std::size_t matched = 0;
  while (matched < tokens.size()) {
    const auto next = std::find_if(node->children.begin(), node->children.end(),
                                   [&](const auto& child) { return child->tokens[0] == tokens[matched]; });
    if (next == node->children.end()) break;
    Node* child = next->get();
    const std::size_t most = std::min(child->tokens.size(), tokens.size() - matched);
    std::size_t same = 1;
    while (same < most && child->tokens[same] == tokens[matched + same]) same++;
    matched += same;
    node = same == child->tokens.size() ? child : split(child, static_cast<std::int32_t>(same));
    node->lastUse = clock_;
    if (same < most) break;
  }
  return node;
}

std::int32_t TokenTree::append(Node*& tail, std::int32_t token) {
  const std::int32_t position = tail->end();
  const bool freshBlock = position % kBlock == 0 || tail->blocks.empty();
  // Who holds a block holds it down one path, and the last of them may fill it.
  const bool lastIsOurs = freshBlock || std::none_of(tail->children.begin(), tail->children.end(), [&](const auto& child) {
                            return child->blocks.front() == tail->blocks.back();
                          });
  const bool inPlace = tail->parent != nullptr && tail->children.empty() && tail->pins == 1 && tail->hidden.empty();
  if (!inPlace) {
    auto child = std::make_unique<Node>();
    child->parent = tail;
    child->start = position;
    if (!freshBlock && lastIsOurs) {  // the rest of the parent's last block is unused
      child->blocks.push_back(tail->blocks.back());
      uses_[static_cast<std::size_t>(tail->blocks.back())]++;
    } else {
      child->blocks.push_back(takeBlock());
    }
    Node* added = child.get();
    tail->children.push_back(std::move(child));
    unpin(tail);
    pin(added);
    tail = added;
  } else if (freshBlock) {
    tail->blocks.push_back(takeBlock());
  }
  tail->tokens.push_back(token);
  tail->lastUse = clock_;
  return slot(tail, position);
}

std::int32_t TokenTree::slot(const Node* node, std::int32_t position) const {
  const std::int32_t block = node->blocks[static_cast<std::size_t>(position / kBlock - node->start / kBlock)];
  return block * kBlock + position % kBlock;
}

std::int64_t TokenTree::pinnedBlocks() const {
  std::vector<bool> pinned(uses_.size(), false);
  for (const Root& root : roots_) markPinned(*root.node, pinned);
  return std::count(pinned.begin(), pinned.end(), true);
}

std::vector<KeyRun> TokenTree::runs(const Node* node) const {
  std::vector<const Node*> path;
  for (; node->parent != nullptr; node = node->parent) path.push_back(node);
  std::vector<KeyRun> runs;
  for (auto at = path.rbegin(); at != path.rend(); ++at) {
    for (std::int32_t position = (*at)->start; position < (*at)->end();) {
      const std::int32_t next = std::min((*at)->end(), (position / kBlock + 1) * kBlock);
      appendRun(runs, {slot(*at, position), next - position});
      position = next;
    }
  }
  return runs;
}

bool TokenTree::makeRoom(std::int64_t blocks) {
  if (freeBlocks() < blocks) {
    std::int64_t evictable = 0;
    bool unpinned = true;
    for (const Root& root : roots_) evictable += evictableBlocks(*root.node, unpinned);
    if (freeBlocks() + evictable < blocks) return false;  // nothing is lost for a request that must wait anyway
  }
  while (freeBlocks() < blocks) {
    Node* oldest = nullptr;
    for (Root& root : roots_) {
      Node* candidate = oldestEvictable(root.node.get());
      if (candidate != nullptr && (oldest == nullptr || candidate->lastUse < oldest->lastUse)) oldest = candidate;
    }
    if (oldest == nullptr) return false;
    release(*oldest);
    auto& siblings = oldest->parent->children;
    siblings.erase(std::find_if(siblings.begin(), siblings.end(), [&](const auto& c) { return c.get() == oldest; }));
  }
  return true;
}

void TokenTree::drop(int adapter) {
  const auto found =
      std::find_if(roots_.begin(), roots_.end(), [&](const Root& root) { return root.adapter == adapter; });
  if (found == roots_.end()) return;
  release(*found->node);
  roots_.erase(found);
}

void TokenTree::dropAll() {
  for (const Root& root : roots_) release(*root.node);
  roots_.clear();
}

// --- internal ---

std::int32_t TokenTree::takeBlock() {
  if (free_.empty()) throw Error("E_INTERNAL", "token memory: a sequence took more blocks than were reserved for it");
  const std::int32_t block = free_.back();
  free_.pop_back();
  uses_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void TokenTree::releaseBlock(std::int32_t block) {
  if (isPlanted("EVICTED_IN_USE")) uses_[static_cast<std::size_t>(block)] = 1;
  if (--uses_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
}

void TokenTree::release(Node& node) {
  for (const std::int32_t block : node.blocks) releaseBlock(block);
  for (const auto& child : node.children) release(*child);
}

// The first `length` tokens become a node of their own above `node`, which keeps its end, its pins and its hidden state.
TokenTree::Node* TokenTree::split(Node* node, std::int32_t length) {
  auto front = std::make_unique<Node>();
  Node* result = front.get();
  const std::int32_t cut = node->start + length;
  front->parent = node->parent;
  front->start = node->start;
  front->tokens.assign(node->tokens.begin(), node->tokens.begin() + length);
  const auto frontBlocks = static_cast<std::ptrdiff_t>((cut - 1) / kBlock - node->start / kBlock + 1);
  front->blocks.assign(node->blocks.begin(), node->blocks.begin() + frontBlocks);
  const bool shared = cut % kBlock != 0;
  if (shared) uses_[static_cast<std::size_t>(front->blocks.back())]++;
  node->blocks.erase(node->blocks.begin(), node->blocks.begin() + frontBlocks - (shared ? 1 : 0));
  node->tokens.erase(node->tokens.begin(), node->tokens.begin() + length);
  node->start = cut;

  auto& siblings = node->parent->children;
  const auto at = std::find_if(siblings.begin(), siblings.end(), [&](const auto& c) { return c.get() == node; });
  node->parent = result;
  front->children.push_back(std::move(*at));
  *at = std::move(front);
  return result;
}

bool TokenTree::markPinned(const Node& node, std::vector<bool>& pinned) {
  bool isPinned = node.pins > 0;
  for (const auto& child : node.children) isPinned = markPinned(*child, pinned) || isPinned;
  if (isPinned) {
    for (const std::int32_t block : node.blocks) pinned[static_cast<std::size_t>(block)] = true;
  }
  return isPinned;
}

std::int64_t TokenTree::evictableBlocks(const Node& node, bool& unpinned) const {
  std::int64_t total = 0;
  unpinned = node.pins == 0;
  for (const auto& child : node.children) {
    bool childUnpinned = true;
    total += evictableBlocks(*child, childUnpinned);
    unpinned = unpinned && childUnpinned;
  }
  return unpinned ? total + static_cast<std::int64_t>(node.blocks.size()) : total;
}

TokenTree::Node* TokenTree::oldestEvictable(Node* node) {
  if (node->children.empty()) return node->pins == 0 && node->parent != nullptr ? node : nullptr;
  Node* oldest = nullptr;
  for (const auto& child : node->children) {
    Node* candidate = oldestEvictable(child.get());
    if (candidate != nullptr && (oldest == nullptr || candidate->lastUse < oldest->lastUse)) oldest = candidate;
  }
  return oldest;
}

}  // namespace agl
