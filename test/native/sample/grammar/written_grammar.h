// Grammars as tests write them: a node in the numbers that grammar::readGrammar takes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace agl::test::written {

using Words = std::vector<std::int32_t>;

inline Words joined(Words first, const std::vector<Words>& nodes) {
  for (const Words& node : nodes) first.insert(first.end(), node.begin(), node.end());
  return first;
}
inline Words text(const std::vector<std::int32_t>& codes) {
  return joined({0, static_cast<std::int32_t>(codes.size())}, {codes});
}
inline Words text(std::string_view ascii) { return text(std::vector<std::int32_t>(ascii.begin(), ascii.end())); }
inline Words characters(const std::vector<std::pair<std::int32_t, std::int32_t>>& ranges) {
  Words out = {1, static_cast<std::int32_t>(ranges.size())};
  for (const auto& [from, to] : ranges) out.insert(out.end(), {from, to});
  return out;
}
inline Words sequence(const std::vector<Words>& nodes) { return joined({2, static_cast<std::int32_t>(nodes.size())}, nodes); }
inline Words choice(const std::vector<Words>& nodes) { return joined({3, static_cast<std::int32_t>(nodes.size())}, nodes); }
inline Words repeat(const Words& node, std::int32_t min, std::int32_t max) { return joined({4, min, 1, max}, {node}); }
inline Words repeat(const Words& node, std::int32_t min) { return joined({4, min, 0, 0}, {node}); }
inline Words rule(std::int32_t index) { return {5, index}; }
inline Words token(std::int32_t id) { return {7, id}; }
inline Words grammar(const std::vector<Words>& rules) { return joined({static_cast<std::int32_t>(rules.size())}, rules); }

// What JSON calls a string: any characters but quotes, backslashes and control characters, and escapes.
inline Words jsonString() {
  const Words plain = characters({{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0xd7ff}, {0xe000, 0x10ffff}});
  const Words hex = characters({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
  const Words escape = choice({characters({{'"', '"'}, {'/', '/'}, {'\\', '\\'}, {'b', 'b'}, {'n', 'n'}}),
                               sequence({text("u"), repeat(hex, 4, 4)})});
  return sequence({text("\""), repeat(choice({plain, sequence({text("\\"), escape})}), 0), text("\"")});
}

}  // namespace agl::test::written
