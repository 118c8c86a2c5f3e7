#include "sample/grammar/random_grammar.h"

#include <algorithm>

#include "core/error.h"
#include "core/philox.h"

namespace agl::test {

using namespace written;

std::int32_t Dice::below(std::int32_t limit) {
  return static_cast<std::int32_t>(philox({drawn_++, 0, 0, 9}, seed_)[0] % static_cast<std::uint32_t>(limit));
}

std::shared_ptr<ConstraintVocabulary> Tokens::made() const {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> offsets = {0};
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
  const std::vector<std::int32_t> special = {0, 1, 2};
  return std::make_shared<ConstraintVocabulary>(std::move(bytes), std::move(offsets), special, outputs());
}

std::int32_t Tokens::idOf(std::string_view text) const {
  return static_cast<std::int32_t>(std::ranges::find(texts, text) - texts.begin());
}

void Tokens::addBytes() {
  for (int byte = 0; byte < 256; byte++) texts.push_back(std::string(1, static_cast<char>(byte)));
}

void Tokens::addJoined(Dice& dice, int count, int most, const std::vector<std::string>& pieces) {
  for (int i = 0; i < count; i++) {
    std::string text;
    for (int n = 1 + dice.below(most); n > 0; n--) text += dice.from(pieces);
    texts.push_back(text);
  }
}

Tokens randomVocabulary(Dice& dice) {
  Tokens tokens;
  tokens.addBytes();
  tokens.addJoined(dice, 150, 5, {"a", "b", "aa", "ab", "{", "}", "\"", ", ", ": ", "é", "\xc3", "\xa9", "€", "\xe2\x82",
                                  "\xac", "😀", "\xf0\x9f", "0", "1"});
  return tokens;
}

namespace {

Words randomCharacters(Dice& dice) {
  std::vector<std::pair<std::int32_t, std::int32_t>> ranges;
  std::int32_t at = 'a';
  for (int n = 1 + dice.below(3); n > 0; n--) {
    const std::int32_t from = at + dice.below(2), to = from + dice.below(dice.once(3) ? 0x2100 : 2);
    ranges.push_back({from, to});
    at = to + 1 + dice.below(dice.once(2) ? 0x60 : 3);
  }
  return characters(ranges);
}

Words randomText(Dice& dice) {
  const std::vector<std::int32_t> codes = {'a', 'b', '"', '{', 0xe9, 0x20ac, 0x1f600, '0', '1', ',', ' '};
  std::vector<std::int32_t> out;
  for (int n = 1 + dice.below(3); n > 0; n--) out.push_back(dice.from(codes));
  return text(out);
}

Words randomNode(Dice& dice, int depth, std::int32_t rules);

// Never empty.
Words randomItem(Dice& dice, int depth, std::int32_t rules) {
  const Words first = dice.once(2) ? randomText(dice) : randomCharacters(dice);
  return dice.once(2) ? first : sequence({first, randomNode(dice, depth - 1, rules)});
}

Words randomNode(Dice& dice, int depth, std::int32_t rules) {
  const int kind = depth <= 0 ? dice.below(2) : dice.below(8);
  if (kind == 0) return randomText(dice);
  if (kind == 1) return randomCharacters(dice);
  if (kind <= 3) {
    std::vector<Words> nodes;
    for (int n = dice.below(4) + (kind == 3 ? 1 : 0); n > 0; n--) nodes.push_back(randomNode(dice, depth - 1, rules));
    return kind == 3 ? choice(nodes) : sequence(nodes);
  }
  if (kind == 4) return sequence({token(1), randomNode(dice, depth - 1, rules), token(2)});
  if (kind == 5 && rules > 1) {
    // A way out of the recursion, and a character before it.
    return choice({randomText(dice), sequence({randomText(dice), rule(1 + dice.below(rules - 1)), randomText(dice)})});
  }
  const std::int32_t min = dice.below(4);
  const Words item = randomItem(dice, depth - 1, rules);
  return dice.once(3) ? repeat(item, min) : repeat(item, min, min + dice.below(5));
}

}  // namespace

Words randomGrammar(Dice& dice) {
  const std::int32_t rules = 1 + dice.below(3);
  std::vector<Words> made;
  for (std::int32_t i = 0; i < rules; i++) made.push_back(randomNode(dice, 4, rules));
  return grammar(made);
}

ReferenceMatcher after(ReferenceMatcher matcher, std::string_view bytes) {
  for (const char byte : bytes) {
    if (matcher.isViable()) matcher.step(static_cast<std::uint8_t>(byte));
  }
  return matcher;
}

std::vector<std::int32_t> allowedTokens(const Tokens& tokens, const std::vector<std::uint64_t>& allowed) {
  std::vector<std::int32_t> out;
  for (std::int32_t id = 0; id < tokens.outputs(); id++) {
    if (isAllowed(allowed, id)) out.push_back(id);
  }
  return out;
}

std::string refusalOf(const Tokens& tokens, const Words& words) {
  try {
    makeConstraint(tokens.made(), words);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Answer draw(const Tokens& tokens, const std::shared_ptr<const Constraint>& constraint, Dice& dice, int most) {
  Matcher matcher(constraint, {0});
  std::vector<std::uint64_t> allowed(tokens.words(), ~std::uint64_t{0});
  Answer answer;
  for (int i = 0; i < most; i++) {
    const Matcher::Mask mask = matcher.fill(allowed);
    if (mask.kind == Matcher::Kind::dead) {
      answer.isDead = true;
      return answer;
    }
    const std::vector<std::int32_t> choices = allowedTokens(tokens, allowed);
    const std::int32_t token = dice.from(choices);
    if (mask.isForced != (choices.size() == 1)) answer.forced = -1000;
    if (mask.isForced) answer.forced++;
    if (token == 0) {
      answer.isEnded = true;
      return answer;
    }
    if (token < static_cast<std::int32_t>(tokens.texts.size())) answer.text += tokens.texts[static_cast<std::size_t>(token)];
    answer.tokens.push_back(token);
    matcher.advance(token);
  }
  return answer;
}

}  // namespace agl::test
