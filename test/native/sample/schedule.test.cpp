// Laws of the scheduler: nobody starves, nobody is passed by, memory never locks, what is cancelled holds nothing; and the bits of every sample
// whatever happens around it.
#include <algorithm>

#include "harness.h"
#include "sample/random_schedule.h"

namespace {

using namespace agl;
using namespace agl::test;

// Counts steps until a request's first token, from when it was asked for.
struct Wait {
  Sampled result;
  std::int64_t begun = 0;
  std::int64_t steps = -1;
};

void startWaiting(Engine& engine, SampleRequest made, const std::int64_t& clock, Wait& into) {
  into.begun = clock;
  made.onToken = [&into, &clock](const SampledToken&) {
    if (into.steps < 0) into.steps = clock - into.begun;
  };
  start(engine, std::move(made), into.result);
}

}  // namespace

LAW("under a random schedule of everything every sampled token has the bits of its text alone") {
  const RandomModel model({.contextLength = 128, .compute = compute});
  struct Size {
    std::int64_t cacheTokens;
    std::int64_t batchTokens;
    int actions;
  };
  // From room for a single long sequence to room for many.
  const std::vector<Size> few = {{192, 33, 25}, {640, 256, 25}};
  const std::vector<Size> all = {{192, 33, 150}, {320, 7, 150}, {640, 256, 150}, {1024, 64, 250}};
  std::uint64_t seed = 1;
  for (EngineOptions options : everyIsa(model.options())) {
    const bool isSlow = options.isa == Isa::scalar || compute.isSlow();
    std::int64_t checked = 0;
    std::int64_t carried = 0;
    for (const Size& size : compute.isSlow() ? few : all) {
      options.cacheTokens = size.cacheTokens;
      options.batchTokens = size.batchTokens;
      options.threads = 1 + static_cast<int>(seed % 2);
      RandomSchedule schedule(model, options, seed++);
      for (int i = 0; i < (isSlow ? 25 : size.actions); i++) schedule.act();
      if (seed % 2 == 0) schedule.cancelAll();
      schedule.finish();
      checked += schedule.checkedTokens();
      carried += schedule.carriedTexts();
    }
    CHECK(checked > (isSlow ? 30 : 500));
    CHECK(isSlow || carried > 10);
  }
}

TEST("a prompt is computed within its bound of passes, however many long prompts there are") {
  RandomModel model({});
  EngineOptions options = model.options();
  options.batchTokens = 64;
  options.cacheTokens = 16384;
  Engine engine(options);
  std::int64_t clock = 0;
  std::vector<Wait> flood(12);
  for (std::size_t i = 0; i < flood.size(); i++) {
    startWaiting(engine, request(randomTokens(1000, 300, 100 + i), 1, 4, -1, i), clock, flood[i]);
  }
  for (; clock < 3; clock++) engine.sampleStep();
  Wait brief;
  startWaiting(engine, request(randomTokens(10, 300, 7), 1, 4, -1, 1), clock, brief);
  // Thirteen prompts, nobody decodes: two rows a pass at least.
  while (brief.steps < 0 && clock < 1000) {
    clock++;
    engine.sampleStep();
  }
  CHECK(brief.steps == (10 + 1) / 2);
  // The oldest goes ahead of the others: half of every pass and more.
  CHECK(flood[0].steps < 0);
  while (flood[0].steps < 0 && clock < 1000) {
    clock++;
    engine.sampleStep();
  }
  CHECK(flood[0].steps < 1000 / 32 + 2);
  for (const Wait& wait : flood) CHECK(wait.steps < 0 || &wait == &flood[0]);
}

TEST("who waits for token memory is admitted in order of arrival") {
  RandomModel model({.contextLength = 128});
  EngineOptions options = model.options();
  options.cacheTokens = 320;
  Engine engine(options);
  std::int64_t clock = 0;
  std::vector<Wait> waits(8);
  for (std::size_t i = 0; i < waits.size(); i++) {
    // Long and short by turns: beside one of each a long one does not fit, and a short one would.
    const std::int64_t length = i % 2 == 0 ? 100 : 4;
    startWaiting(engine, request(randomTokens(length, 300, 10 + i), 1, 20, -1, i), clock, waits[i]);
  }
  while (!engine.scheduler().idle()) {
    clock++;
    engine.sampleStep();
  }
  for (std::size_t i = 0; i < waits.size(); i++) {
    CHECK(waits[i].result.error.empty());
    if (i > 0) CHECK(waits[i].steps >= waits[i - 1].steps);
  }
}

TEST("a sequence fits alone, however many others have left blocks where it begins") {
  RandomModel model({.contextLength = 128});
  EngineOptions options = model.options();
  options.cacheTokens = 192;
  Engine engine(options);
  // Each prompt leaves the one before it within a block: the path down them all is one block for each.
  std::vector<std::int32_t> path;
  for (std::int32_t i = 0; i < 5; i++) {
    path.push_back(i);
    for (const std::int32_t other : {100 + i, 200 + i}) {
      std::vector<std::int32_t> prompt = path;
      prompt.push_back(other);
      Sampled sampled;
      start(engine, request(prompt, 1, 1, -1, 1), sampled);
      finishAll(engine);
      CHECK(sampled.error.empty());
    }
  }
  std::vector<std::int32_t> prompt = path;
  const auto rest = randomTokens(110, 300, 3);
  prompt.insert(prompt.end(), rest.begin(), rest.end());
  Sampled sampled;
  start(engine, request(prompt, 1, 13, -1, 1), sampled);
  finishAll(engine);
  CHECK(sampled.error.empty());
  CHECK(sampled.choices.size() == 1 && sameBits(engine, prompt, sampled.choices, -1, 1));
}

TEST("a cancelled request gives its blocks to who waits, at once") {
  RandomModel model({.contextLength = 128});
  EngineOptions options = model.options();
  options.cacheTokens = 192;
  Engine engine(options);
  std::int64_t clock = 0;
  Wait first;
  Wait second;
  SampleRequest made = request(randomTokens(60, 300, 1), 1, 60, -1, 1);
  made.id = 1;
  startWaiting(engine, made, clock, first);
  made = request(randomTokens(60, 300, 2), 1, 60, -1, 1);
  made.id = 2;
  startWaiting(engine, made, clock, second);
  for (; clock < 5; clock++) engine.sampleStep();
  CHECK(first.steps >= 0);
  CHECK(second.steps < 0);
  CHECK(engine.scheduler().heldBlocks() > 0);
  engine.scheduler().cancel(1, -1, 0);
  CHECK(engine.scheduler().heldBlocks() == 0);
  second.begun = clock;
  engine.sampleStep();
  CHECK(second.steps == 0);
}

LAW("a sample that an update finds running goes on under the new version, the tokens before it as they were") {
  RandomModel model({.compute = compute});
  Engine engine(model.options());
  const int adapter = engine.addAdapter(model.targets(8, 2), {}, 3);
  perturb(engine, adapter, 0.02F, 11);
  const auto prompt = randomTokens(150, 300, 5);
  Sampled carried;
  Sampled undisturbed;
  start(engine, request(prompt, 3, 40, adapter, 7), carried);
  start(engine, request(prompt, 2, 40, -1, 7), undisturbed);
  for (int i = 0; i < 12; i++) engine.sampleStep();
  const std::int64_t before = engine.scheduler().counters().carriedRows;
  perturb(engine, adapter, 0.05F, 12);
  finishAll(engine);
  CHECK(carried.error.empty() && carried.choices.size() == 3);
  // The prompt once, and what each choice had said.
  CHECK(before == 0);
  CHECK(engine.scheduler().counters().carriedRows >= 150 + 3 * 10);
  CHECK(engine.scheduler().counters().carriedRows <= 150 + 3 * 12);
  for (const Choice& choice : carried.choices) {
    std::vector<std::int32_t> text = prompt;
    text.insert(text.end(), choice.tokens.begin(), choice.tokens.end());
    Batch batch;
    batch.add(text);
    const Scores scores = engine.forward(batch.view(), adapter, 1, false);
    const auto changed = static_cast<std::size_t>(
        std::find(choice.versions.begin(), choice.versions.end(), 2) - choice.versions.begin());
    CHECK(changed == 11 || changed == 12);  // a choice may join its prompt a pass later
    for (std::size_t i = 0; i < choice.tokens.size(); i++) {
      CHECK(choice.versions[i] == (i < changed ? 1 : 2));
      const bool isSame = scores.logprobs[149 + i] == choice.logprobs[i];
      if (i >= changed) CHECK(isSame);
      if (i == 0) CHECK(!isSame);
    }
  }
  for (const Choice& choice : undisturbed.choices) {
    CHECK(std::all_of(choice.versions.begin(), choice.versions.end(), [](std::int32_t version) { return version == 0; }));
  }
  CHECK(sameBits(engine, prompt, undisturbed.choices, -1, 1));
}
