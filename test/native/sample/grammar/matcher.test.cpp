// Laws of constrained sampling: masks against a matcher that reads the grammar byte by byte, on random grammars and random vocabularies.
#include <algorithm>
#include <string>
#include <thread>

#include "core/error.h"
#include "harness.h"
#include "sample/grammar/random_grammar.h"

namespace agl::test {
namespace {

using namespace written;

// Where the mask is not what the reference says; the number of outputs is nowhere.
std::int32_t firstWrong(const Tokens& tokens, const ReferenceMatcher& reference, const std::vector<std::uint64_t>& allowed) {
  for (std::int32_t id = 0; id < tokens.outputs(); id++) {
    bool expected = false;
    if (id == 0) {
      expected = reference.mayEnd();
    } else if (id <= 2) {
      ReferenceMatcher next = reference;
      next.stepToken(static_cast<std::uint32_t>(id));
      expected = next.isViable();
    } else if (id < static_cast<std::int32_t>(tokens.texts.size())) {
      expected = after(reference, tokens.texts[static_cast<std::size_t>(id)]).isViable();
    }
    if (isAllowed(allowed, id) != expected) return id;
  }
  return static_cast<std::int32_t>(tokens.outputs());
}

}  // namespace

TEST("a mask allows exactly the tokens that a matcher of bytes can read, in random grammars and vocabularies") {
  int compared = 0;
  std::int64_t masked = 0;
  for (std::uint64_t seed = 1; seed <= 200; seed++) {
    Dice dice(seed);
    const Words words = randomGrammar(dice);
    const grammar::Grammar read = grammar::readGrammar(words);
    const Tokens tokens = randomVocabulary(dice);
    const std::string refusal = refusalOf(tokens, words);
    if (!refusal.empty()) {
      // What may be empty is not repeated without a unit; the generator makes items of at least a character.
      fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + ": " + refusal);
      continue;
    }
    const auto constraint = makeConstraint(tokens.made(), words);
    for (int walk = 0; walk < 3; walk++) {
      ReferenceMatcher reference(read);
      Matcher matcher(constraint, {0});
      std::vector<std::uint64_t> allowed(tokens.words());
      for (int i = 0; i < 12 && reference.ways() < 200; i++) {
        const Matcher::Mask mask = matcher.fill(allowed);
        const std::int32_t wrong = firstWrong(tokens, reference, allowed);
        if (wrong != tokens.outputs()) {
          fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + ": token " + std::to_string(wrong) + " after " + std::to_string(i));
          return;
        }
        const std::vector<std::int32_t> choices = allowedTokens(tokens, allowed);
        CHECK(mask.kind == Matcher::Kind::masked && !choices.empty());
        CHECK(mask.isForced == (choices.size() == 1));
        compared++;
        masked += static_cast<std::int64_t>(choices.size());
        const std::int32_t token = dice.from(choices);
        if (token == 0) break;
        matcher.advance(token);
        if (token <= 2) {
          reference.stepToken(static_cast<std::uint32_t>(token));
        } else {
          reference = after(reference, tokens.texts[static_cast<std::size_t>(token)]);
        }
      }
    }
  }
  CHECK(compared > 1500);
  CHECK(masked > 10000);
}

TEST("with a vocabulary that lacks bytes an answer is never stuck, and what it ends is a text of the grammar") {
  int ended = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 150; seed++) {
    Dice dice(1000 + seed);
    const Words words = randomGrammar(dice);
    const grammar::Grammar read = grammar::readGrammar(words);
    Tokens tokens = randomVocabulary(dice);
    for (std::size_t id = 3; id < tokens.texts.size(); id++) {
      if (tokens.texts[id].size() == 1 && dice.once(3)) tokens.texts[id] = "";
    }
    if (!refusalOf(tokens, words).empty()) {
      refused++;
      continue;
    }
    const auto constraint = makeConstraint(tokens.made(), words);
    for (int i = 0; i < 10; i++) {
      const Answer answer = draw(tokens, constraint, dice, 40);
      CHECK(!answer.isDead);
      CHECK(answer.forced >= 0);
      ReferenceMatcher reference(read);
      for (const std::int32_t token : answer.tokens) {
        if (token <= 2) {
          reference.stepToken(static_cast<std::uint32_t>(token));
        } else {
          reference = after(reference, tokens.texts[static_cast<std::size_t>(token)]);
        }
        if (reference.ways() > 500) break;
      }
      CHECK(reference.isViable());
      if (answer.isEnded && reference.ways() <= 500) CHECK(reference.mayEnd());
      ended += answer.isEnded ? 1 : 0;
    }
  }
  CHECK(ended > 250);
  CHECK(refused > 5 && refused < 100);
}

TEST("a repetition ends within its bounds, however large they are and however many items a token holds") {
  Tokens tokens;
  tokens.addBytes();
  for (const char* text : {"aa", "aaaaa", "aaaaaaaaaaaaaaaa", "aaa\"", "a\", \"", "a\"]", "\", \"a", "éé", "aé"}) tokens.texts.push_back(text);
  tokens.texts.emplace_back(300, 'a');
  const Words letter = choice({text("a"), text({0xe9})});
  struct Bounds {
    std::int32_t min, max;
  };
  for (const Bounds bounds : {Bounds{0, 1}, Bounds{7, 7}, Bounds{300, 300}, Bounds{1000, 1003}, Bounds{2, 1'000'000}}) {
    const Words string = sequence({text("\""), repeat(letter, bounds.min, bounds.max), text("\"")});
    const auto constraint = makeConstraint(tokens.made(), grammar({string}));
    CHECK(constraint->bytes() < 2'000'000);
    Dice dice(static_cast<std::uint64_t>(bounds.max));
    for (int i = 0; i < 5; i++) {
      const Answer answer = draw(tokens, constraint, dice, 2000);
      CHECK(answer.isEnded);
      const auto continued = std::ranges::count_if(answer.text, [](char byte) { return (byte & 0xc0) == 0x80; });
      const std::int64_t letters = static_cast<std::int64_t>(answer.text.size()) - continued - 2;
      CHECK(letters >= bounds.min && letters <= bounds.max);
    }
  }
}

TEST("lists keep their bounds: items that end in several places, and lists of lists") {
  Dice dice(5);
  const Tokens tokens = randomVocabulary(dice);
  const Words digits = repeat(characters({{'0', '1'}}), 1);
  const Words items = sequence({digits, repeat(sequence({text(", "), digits}), 2, 4)});
  const Words list = sequence({text("{"), choice({items, sequence({rule(0), repeat(sequence({text(", "), rule(0)}), 1, 2)})}), text("}")});
  const Words words = grammar({list});
  const grammar::Grammar read = grammar::readGrammar(words);
  const auto constraint = makeConstraint(tokens.made(), words);
  int ended = 0;
  for (int i = 0; i < 200; i++) {
    const Answer answer = draw(tokens, constraint, dice, 150);
    CHECK(!answer.isDead);
    if (!answer.isEnded) continue;
    ended++;
    CHECK(after(ReferenceMatcher(read), answer.text).mayEnd());
  }
  CHECK(ended > 20);
}

TEST("strings of any characters are valid UTF-8 wherever tokens split them, and an answer of ten thousand tokens stays one") {
  Dice dice(6);
  const Tokens tokens = randomVocabulary(dice);
  const Words nested = choice({jsonString(), sequence({text("{"), rule(0), text("}")})});
  const Words words = grammar({nested});
  const grammar::Grammar read = grammar::readGrammar(words);
  const auto constraint = makeConstraint(tokens.made(), words);
  for (int i = 0; i < 20; i++) {
    const Answer answer = draw(tokens, constraint, dice, i == 0 ? 10'000 : 300);
    CHECK(!answer.isDead);
    if (i > 0) CHECK(after(ReferenceMatcher(read), answer.text).isViable());
  }
  Matcher deep(constraint, {0});
  std::vector<std::uint64_t> allowed(tokens.words());
  const auto mayCome = [&](std::int32_t id) {
    CHECK(deep.fill(allowed).kind == Matcher::Kind::masked);
    return isAllowed(allowed, id);
  };
  const std::int32_t opened = tokens.idOf("{"), closed = tokens.idOf("}"), quote = tokens.idOf("\"");
  // More stacks than are remembered.
  for (int i = 0; i < 20'000; i++) deep.advance(opened);
  deep.advance(quote);
  deep.advance(quote);
  for (int i = 0; i < 20'000; i++) {
    if (i % 5000 == 0) CHECK(mayCome(closed) && !mayCome(0));
    deep.advance(closed);
  }
  CHECK(!mayCome(closed) && mayCome(0));
}

TEST("a grammar that cannot be matched is refused by name, and leaves everything as it was") {
  Dice dice(7);
  const Tokens tokens = randomVocabulary(dice);
  const auto vocabulary = tokens.made();
  const std::vector<std::pair<Words, std::string>> refused = {
      {grammar({choice({})}), "matches none"},
      {grammar({characters({})}), "matches none"},
      {grammar({sequence({text("a"), rule(0)})}), "matches none"},
      {grammar({token(5000)}), "matches none"},
      {grammar({choice({text("a"), sequence({rule(0), text("b")})})}), "left recursion"},
      {grammar({sequence({repeat(text("a"), 0), rule(1)}), choice({text("b"), sequence({rule(0), text("c")})})}), "left recursion"},
      {grammar({repeat(sequence({repeat(text("a"), 0), repeat(text("b"), 0)}), 0)}), "never the empty text"},
      {grammar({repeat(text("a"), 3, 2)}), "least count"},
      {grammar({text({0xd800})}), "surrogate"},
      {grammar({characters({{5, 9}, {9, 12}})}), "ascending"},
      {grammar({rule(1)}), "a rule below 1"},
      {{1, 0, 5, 97}, "ended early"},
      {{1, 9}, "kind"},
      {{0}, "at least one rule"},
      {joined(grammar({text("a")}), {{0}}), "more numbers"},
  };
  for (int round = 0; round < 10; round++) {
    for (const auto& [words, expected] : refused) {
      std::string message;
      try {
        makeConstraint(vocabulary, words);
      } catch (const Error& error) {
        message = error.what();
      }
      if (message.find(expected) == std::string::npos) fail(__FILE__, __LINE__, expected + ": " + message);
    }
  }
  const auto constraint = makeConstraint(vocabulary, grammar({text("ab")}));
  CHECK(draw(tokens, constraint, dice, 5).text == "ab");
}

TEST("an end token that spells text is no text, and a grammar that only it could write has no token left") {
  Tokens tokens;
  tokens.addBytes();
  const auto constraint = makeConstraint(tokens.made(), grammar({sequence({text("a"), repeat(text("b"), 0)})}));
  const std::int32_t a = 3 + 'a', b = 3 + 'b';
  std::vector<std::uint64_t> allowed(tokens.words());
  Matcher matcher(constraint, {0, b});
  CHECK(matcher.fill(allowed).isForced);
  CHECK(allowedTokens(tokens, allowed) == std::vector{a});
  matcher.advance(a);
  // To end is the one choice that is left, by either token.
  CHECK(matcher.fill(allowed).isForced);
  CHECK((allowedTokens(tokens, allowed) == std::vector{0, b}));
  CHECK(Matcher(constraint, {0, a}).fill(allowed).kind == Matcher::Kind::dead);
}

TEST("threads that draw under one constraint get the masks that one alone gets") {
  Dice dice(8);
  const Tokens tokens = randomVocabulary(dice);
  const Words words = grammar({sequence({jsonString(), repeat(characters({{'a', 0x2fff}}), 3, 40), jsonString()})});
  const auto answers = [&](const std::shared_ptr<const Constraint>& constraint, std::uint64_t seed) {
    std::string all;
    Dice own(seed);
    for (int i = 0; i < 6; i++) all += draw(tokens, constraint, own, 60).text + "|";
    return all;
  };
  const auto shared = makeConstraint(tokens.made(), words);
  std::vector<std::string> got(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < got.size(); i++) threads.emplace_back([&, i] { got[i] = answers(shared, i); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < got.size(); i++) CHECK(got[i] == answers(makeConstraint(tokens.made(), words), i));
}

}  // namespace agl::test
