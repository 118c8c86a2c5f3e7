// A random schedule of what an engine can be asked: samples under several adapters in one batch, cancels, weight updates, adapters that come and
// go, scores and training steps in between. It holds every sampled log-probability against the score of that text alone, bit for bit, under the
// version it was sampled under. A failure names the seed.
#pragma once

#include <list>
#include <string>

#include "random_model.h"

namespace agl::test {

class RandomSchedule {
 public:
  // The largest adapter comes first and stays. `model` must outlive the schedule.
  RandomSchedule(const RandomModel& model, EngineOptions options, std::uint64_t seed);

  // One random action.
  void act();
  // Cancels everything: nothing holds a block from then on.
  void cancelAll();
  // Lets everything end, and holds the engine against its plan and its memory against a leak.
  void finish();
  std::int64_t checkedTokens() const { return checkedTokens_; }
  // Tokens of texts that went on under another version.
  std::int64_t carriedTexts() const { return carriedTexts_; }
  const SampleCounters& counters() { return engine_.scheduler().counters(); }

 private:
  struct Text {
    std::int64_t id = 0;
    int choice = 0;
    int adapter = -1;
    float temperature = 1;
    std::vector<std::int32_t> tokens;  // prompt and sampled
    std::vector<float> logprobs;       // of the sampled
    std::vector<std::int32_t> versions;
    std::size_t promptSize = 0;
    std::size_t checked = 0;  // sampled tokens held against a score
    bool isDone = false;
  };

  std::uint32_t below(std::uint32_t limit);
  void addRequest();
  void cancelOne();
  void update(int adapter);
  void train(int adapter);
  void addAdapter();
  void removeAdapter();
  std::vector<std::int32_t> randomPrompt();
  int randomAdapter();
  // Scores the text alone and compares what was sampled since it was last held against a score.
  void check(Text& text);
  void checkAll(int adapter);
  void expect(bool holds, const std::string& what);

  const RandomModel& model_;
  const std::uint64_t seed_;
  std::uint32_t drawn_ = 0;
  EngineOptions options_;
  Engine engine_;
  std::vector<int> adapters_;
  std::list<Text> texts_;  // running
  std::int64_t nextId_ = 0;
  std::int64_t checkedTokens_ = 0;
  std::int64_t carriedTexts_ = 0;
};

}  // namespace agl::test
