// native_tests [--filter SUBSTRING] [--list] [--times]
// native_tests --soak MINUTES [--seed SEED]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "soak.h"

namespace agl::test {
namespace {

struct Case {
  const char* sentence;
  std::function<void()> body;
};
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
int failures = 0;

}  // namespace

Register::Register(const char* sentence, std::function<void()> body) { cases().push_back({sentence, std::move(body)}); }

void fail(const char* file, int line, const std::string& what) {
  if (failures++ < 5) std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

void record(const std::string& what) { std::printf("RECORD %s\n", what.c_str()); }

// Of one sentence: true when nothing failed.
static bool runCase(const Case& test) {
  failures = 0;
  try {
    test.body();
  } catch (const std::exception& error) {
    fail(test.sentence, 0, std::string("threw: ") + error.what());
  }
  if (failures > 0) std::printf("FAIL %s\n", test.sentence);
  std::fflush(stdout);
  return failures == 0;
}

// The slowest tests, and the seconds of each.
static void printSlowest(std::vector<std::pair<double, const char*>> times) {
  std::sort(times.rbegin(), times.rend());
  times.resize(std::min<std::size_t>(times.size(), 20));
  for (const auto& [seconds, sentence] : times) std::printf("%7.2f s  %s\n", seconds, sentence);
}

static int runAll(const std::string& filter, bool list, bool times) {
  int passed = 0;
  int failed = 0;
  std::vector<std::pair<double, const char*>> seconds;
  for (const Case& test : cases()) {
    if (std::string(test.sentence).find(filter) == std::string::npos) continue;
    if (list) {
      std::printf("%s\n", test.sentence);
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    (runCase(test) ? passed : failed)++;
    seconds.emplace_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), test.sentence);
  }
  if (list) return 0;
  if (times) printSlowest(std::move(seconds));
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

static int runOne(const char* sentence, const std::function<void()>& body) {
  const bool holds = runCase({sentence, body});
  std::printf("%d passed, %d failed\n", holds ? 1 : 0, holds ? 0 : 1);
  return holds ? 0 : 1;
}

}  // namespace agl::test

int main(int argc, char** argv) {
  std::string filter;
  bool list = false;
  bool times = false;
  double minutes = 0;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument == "--list") list = true;
    if (argument == "--times") times = true;
    if (argument == "--filter" && i + 1 < argc) filter = argv[++i];
    if (argument == "--soak" && i + 1 < argc) minutes = std::atof(argv[++i]);
    if (argument == "--seed" && i + 1 < argc) seed = std::strtoull(argv[++i], nullptr, 10);
  }
  if (minutes > 0) {
    const auto body = [&] { agl::test::soak({.minutes = minutes}, seed); };
    return agl::test::runOne("a soak of mixed work keeps every law", body);
  }
  return agl::test::runAll(filter, list, times);
}
