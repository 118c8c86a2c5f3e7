// The bytes of a tokenizer's tokens as a trie in preorder: a node is a prefix of tokens, its subtree the nodes up to end(node). Special tokens,
// and ids without a token, are in no node: no text is written with them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace agl::grammar {

class Vocabulary {
 public:
  // Token t has bytes[offsets[t], offsets[t + 1]). `outputs` is how many tokens the model can name: further ones are left out.
  Vocabulary(std::vector<std::uint8_t> bytes, std::vector<std::uint32_t> offsets, std::span<const std::int32_t> special,
             std::int64_t outputs);

  std::int64_t outputs() const { return outputs_; }
  // Of a bit for each output.
  std::size_t words() const { return static_cast<std::size_t>((outputs_ + 63) / 64); }
  bool hasToken(std::uint32_t token) const { return !bytesOf(token).empty() && token < outputs_; }
  // None where there is no such token.
  std::span<const std::uint8_t> bytesOf(std::uint32_t token) const;
  bool isSpecial(std::uint32_t token) const { return token < isSpecial_.size() && isSpecial_[token]; }
  const std::vector<std::uint32_t>& special() const { return special_; }
  // Whether each byte is a token.
  bool isComplete() const { return isComplete_; }

  // The trie. Node 0 is the empty prefix.
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(byte_.size()); }
  std::uint8_t byte(std::uint32_t node) const { return byte_[node]; }
  std::uint32_t parent(std::uint32_t node) const { return parent_[node]; }
  std::uint32_t end(std::uint32_t node) const { return end_[node]; }
  bool hasChildren(std::uint32_t node) const { return end_[node] > node + 1; }
  // Tokens that end at the node; those of its subtree.
  std::span<const std::uint32_t> tokensAt(std::uint32_t node) const { return tokensOf(node, node + 1); }
  std::span<const std::uint32_t> tokensBelow(std::uint32_t node) const { return tokensOf(node, end_[node]); }
  std::span<const std::uint32_t> nodesWith(std::uint8_t byte) const {
    return std::span(byByte_).subspan(byByteBegin_[byte], byByteBegin_[byte + 1U] - byByteBegin_[byte]);
  }
  // visit(child) for each.
  template <class Visit>
  void eachChild(std::uint32_t node, Visit visit) const {
    for (std::uint32_t child = node + 1; child < end_[node]; child = end_[child]) visit(child);
  }
  // The bytes that lead to a node.
  std::span<const std::uint8_t> pathTo(std::uint32_t node, std::vector<std::uint8_t>& into) const;

 private:
  static constexpr std::size_t kLongest = 2048;  // bytes of a token in the trie
  void sortTokens();
  void buildTrie();
  void indexBytes();
  std::span<const std::uint32_t> tokensOf(std::uint32_t first, std::uint32_t last) const {
    return std::span(sorted_).subspan(tokenBegin_[first], tokenBegin_[last] - tokenBegin_[first]);
  }

  std::int64_t outputs_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint32_t> offsets_;
  std::vector<bool> isSpecial_;
  std::vector<std::uint32_t> special_;
  bool isComplete_ = true;
  std::vector<std::uint32_t> sorted_;  // tokens of the trie, by bytes
  std::vector<std::uint8_t> byte_;
  std::vector<std::uint32_t> parent_, end_, tokenBegin_;
  std::vector<std::uint32_t> byByte_, byByteBegin_;
};

}  // namespace agl::grammar
