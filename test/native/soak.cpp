#include "soak.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <thread>

#include "core/philox.h"
#include "harness.h"
#include "sample/random_schedule.h"

namespace agl::test {
namespace {

using Clock = std::chrono::steady_clock;

double minutesSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count() / 60;
}

// Resident bytes of this process; 0 where the system does not say.
std::int64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  file >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// What clients asked for and what came back.
struct Ledger {
  std::atomic<std::int64_t> asked{0};
  std::atomic<std::int64_t> answered{0};
  std::atomic<std::int64_t> refused{0};  // of the answered: with an error
  std::atomic<std::int64_t> unexpected{0};
};

// Asks an engine for random things from a thread of its own.
class Client {
 public:
  Client(EngineThread& engine, const RandomModel& model, Ledger& ledger, std::uint64_t seed)
      : engine_(engine), model_(model), ledger_(ledger), seed_(seed) {}

  void run(int calls) {
    for (int i = 0; i < calls; i++) {
      const std::uint32_t choice = below(100);
      if (choice < 55) {
        sample();
      } else if (choice < 70) {
        cancel();
      } else if (choice < 85) {
        train(below(2) == 0);
      } else if (choice < 92) {
        addAdapter();
      } else {
        removeAdapter();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(below(3000)));
    }
  }

 private:
  std::uint32_t below(std::uint32_t limit) { return philox({drawn_++, 0, 6, 0}, seed_)[0] % limit; }
  // Handles are given in order: any of the first few, there or not.
  int anyAdapter() { return static_cast<int>(below(4)) - 1; }

  void ask(std::function<void(Engine&)> work) {
    ledger_.asked++;
    engine_.post([&ledger = ledger_, work = std::move(work)](std::unique_ptr<Engine>& engine) {
      ledger.answered++;
      if (engine == nullptr) {
        ledger.refused++;
        return;
      }
      try {
        work(*engine);
      } catch (const Error& error) {
        note(ledger, error.code());
      }
    });
  }

  // What is closed, or asks for an adapter that is not there or in use, may be refused.
  static void note(Ledger& ledger, const std::string& code) {
    ledger.refused++;
    if (code != "E_CLOSED" && code != "E_STATE") ledger.unexpected++;
  }

  void sample() {
    const auto length = static_cast<std::int64_t>(1 + below(60));
    SampleRequest made = request(randomTokens(length, 300, below(4)), 1 + static_cast<int>(below(4)), 1 + below(30),
                                 anyAdapter(), below(100));
    made.id = static_cast<std::int64_t>(seed_) * 1000000 + nextId_++;
    ledger_.asked++;
    made.onDone = [&ledger = ledger_](const std::vector<Choice>&) { ledger.answered++; };
    made.onError = [&ledger = ledger_](const char* code, const std::string&) {
      ledger.answered++;
      note(ledger, code);
    };
    engine_.post([made = std::move(made)](std::unique_ptr<Engine>& engine) mutable {
      const auto onError = made.onError;
      try {
        if (engine == nullptr) throw Error("E_CLOSED", "closed");
        engine->addSample(std::move(made));
      } catch (const Error& error) {
        onError(error.code(), error.what());
      }
    });
  }

  void cancel() {
    if (nextId_ == 0) return;
    const std::int64_t id = static_cast<std::int64_t>(seed_) * 1000000 + below(static_cast<std::uint32_t>(nextId_));
    const int choice = static_cast<int>(below(3)) - 1;
    ask([id, choice](Engine& engine) { engine.scheduler().cancel(id, choice, 1); });
  }

  void train(bool held) {
    Batch batch;
    for (std::uint32_t i = 0; i <= below(3); i++) batch.add(randomTokens(2 + below(40), 300, below(8)));
    const int adapter = static_cast<int>(below(3));
    if (held) engine_.holdSampler(true);
    ask([batch, adapter](Engine& engine) {
      const Scores scores = engine.forward(batch.view(), adapter, 1, true);
      const std::vector<double> dLogprobs(scores.logprobs.size(), -0.1);
      engine.backward(dLogprobs, std::vector<double>(scores.logprobs.size(), 0.0));
      engine.optimStep(adapter, {AdamwStep{0.01, 0.9, 0.95, 1e-8, 0, 1, 1}, 1.0});
    });
    if (held) engine_.holdSampler(false);
  }

  void addAdapter() {
    ask([targets = model_.targets(1 + below(8), 1), seed = drawn_](Engine& engine) { engine.addAdapter(targets, {}, seed); });
  }

  void removeAdapter() {
    const int adapter = 1 + static_cast<int>(below(3));
    ask([adapter](Engine& engine) { engine.removeAdapter(adapter); });
  }

  EngineThread& engine_;
  const RandomModel& model_;
  Ledger& ledger_;
  const std::uint64_t seed_;
  std::uint32_t drawn_ = 0;
  std::int64_t nextId_ = 0;
};

// One engine from opening to closing, two clients and another engine beside it.
void soakRound(const RandomModel& model, Ledger& ledger, std::uint64_t seed) {
  EngineOptions options = model.options();
  options.threads = 2;
  options.cacheTokens = 320;
  options.batchTokens = 48;
  {
    EngineThread engine;
    engine.post([options, &model](std::unique_ptr<Engine>& made) {
      made = std::make_unique<Engine>(options);
      made->addAdapter(model.targets(8, 1), {}, 1);
    });
    Client first(engine, model, ledger, 2 * seed);
    Client second(engine, model, ledger, 2 * seed + 1);
    const int calls = 10 + static_cast<int>(philox({1, 0, 6, 0}, seed)[0] % 60);
    std::thread one([&] { first.run(calls); });
    std::thread two([&] { second.run(calls); });
    options.threads = 1;
    options.cacheTokens = std::array{192, 320, 640}[seed % 3];
    options.batchTokens = std::array{7, 48, 256, 33, 64}[seed % 5];
    RandomSchedule schedule(model, options, seed);
    const int actions = static_cast<int>(philox({2, 0, 6, 0}, seed)[0] % 60);
    for (int i = 0; i < actions; i++) schedule.act();
    // While clients still ask, or after.
    std::this_thread::sleep_for(std::chrono::milliseconds(philox({3, 0, 6, 0}, seed)[0] % 60));
    if (seed % 4 != 0) engine.close();
    if (seed % 4 < 2) schedule.cancelAll();
    if (seed % 4 == 1) schedule.finish();
    one.join();
    two.join();
  }
  if (ledger.asked != ledger.answered) {
    fail("soak", static_cast<int>(seed), std::to_string(ledger.asked) + " calls, " + std::to_string(ledger.answered) + " answers");
  }
}

std::int64_t median(std::array<std::int64_t, 9> values) {
  std::nth_element(values.begin(), values.begin() + 4, values.end());
  return values[4];
}

}  // namespace

void soak(const SoakLength& length, std::uint64_t seed) {
  const RandomModel models[] = {RandomModel({.contextLength = 128}), RandomModel({.contextLength = 128, .compute = Dtype::bf16})};
  const Clock::time_point begin = Clock::now();
  Ledger ledger;
  std::array<std::int64_t, 9> recent{};
  std::int64_t warm = 0;
  std::int64_t round = 0;
  double nextLine = 1;
  for (; round < length.rounds || minutesSince(begin) < length.minutes; round++) {
    soakRound(models[round % 2], ledger, seed + static_cast<std::uint64_t>(round));
    recent[static_cast<std::size_t>(round % 9)] = residentBytes();
    const bool isWarm = round >= 30 && minutesSince(begin) > length.minutes / 5;
    if (warm == 0 && isWarm) warm = median(recent);
    if (minutesSince(begin) < nextLine) continue;
    nextLine++;
    std::printf("soak: %.1f minutes, %lld rounds, %lld calls, %lld refused, %lld KiB resident\n", minutesSince(begin),
                static_cast<long long>(round + 1), static_cast<long long>(ledger.asked), static_cast<long long>(ledger.refused),
                static_cast<long long>(recent[static_cast<std::size_t>(round % 9)] / 1024));
    std::fflush(stdout);
  }
  CHECK(ledger.unexpected == 0);
  CHECK(ledger.asked > ledger.refused);
  const std::int64_t now = median(recent);
  if (warm > 0 && now > warm + warm / 10 + (4 << 20)) {
    fail("soak", 0, "memory grew from " + std::to_string(warm) + " to " + std::to_string(now) + " bytes");
  }
  if (length.minutes > 0) {
    std::printf("soak: %lld rounds, %lld calls, %lld KiB after the warm-up, %lld KiB at the end\n", static_cast<long long>(round),
                static_cast<long long>(ledger.asked), static_cast<long long>(warm / 1024), static_cast<long long>(now / 1024));
  }
}

}  // namespace agl::test

TEST("calls from several threads are answered once, whenever the engine is closed, and its memory comes back") {
  agl::test::soak({.rounds = 45}, 1);
}
