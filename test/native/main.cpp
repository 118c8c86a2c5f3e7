// native_tests [--filter TEXT] [--without TEXT]... [--in FOLDER] [--part I/N] [--list] [--times] [--each] [--apart SECONDS]
//   TEXT is part of a sentence, or with ^ before it its beginning; FOLDER part of the path of its file; I/N every Nth of these,
//   from the Ith. --each prints every sentence as it begins and as it passes; --apart gives each a process of its own and so
//   many seconds.
// native_tests --soak MINUTES [--seed SEED]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apart.h"
#include "core/cpu_features.h"
#include "harness.h"
#include "machine.h"
#include "ops/ops.h"
#include "soak.h"

namespace agl::test {
namespace {

struct Case {
  const char* sentence;
  std::function<void()> body;
  const char* file;
};
std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
int failures = 0;

struct Options {
  std::string filter, folder;
  std::vector<std::string> without;
  bool list = false, times = false, each = false;
  unsigned apartSeconds = 0;
  unsigned part = 1, parts = 1;
  double soakMinutes = 0;
  std::uint64_t seed = 1;
};

bool matches(const std::string& sentence, const std::string& text) {
  if (text.starts_with("^")) return sentence.starts_with(text.substr(1));
  return sentence.find(text) != std::string::npos;
}

bool isChosen(const Case& test, const Options& options) {
  return matches(test.sentence, options.filter) && std::string(test.file).find(options.folder) != std::string::npos &&
         std::none_of(options.without.begin(), options.without.end(),
                      [&](const std::string& text) { return matches(test.sentence, text); });
}

}  // namespace

Register::Register(const char* sentence, std::function<void()> body, std::source_location place) {
  cases().push_back({sentence, std::move(body), place.file_name()});
}

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

static bool runCaseApart(const Case& test, unsigned seconds) {
  std::string why;
  const std::optional<bool> result = runApart([&] { return runCase(test); }, seconds, why);
  if (!result.has_value()) std::printf("  %s\nFAIL %s\n", why.c_str(), test.sentence);
  return result.value_or(false);
}

// The slowest tests, and the seconds of each.
static void printSlowest(std::vector<std::pair<double, const char*>> times) {
  std::sort(times.rbegin(), times.rend());
  times.resize(std::min<std::size_t>(times.size(), 20));
  for (const auto& [seconds, sentence] : times) std::printf("%7.2f s  %s\n", seconds, sentence);
}

// Where tests have processes of their own, this has one, too: the first must not touch the device.
static bool isMachineReady(bool apart) {
  std::string why;
  const auto isReady = [] {
    const std::string missing = missingDevice();
    if (!missing.empty()) std::printf("native_tests: %s\n", missing.c_str());
    return missing.empty();
  };
  if (!apart) return isReady();
  constexpr unsigned kSeconds = 60;
  const std::optional<bool> result = runApart(isReady, kSeconds, why);
  if (!result.has_value()) std::printf("native_tests: opening the device: %s\n", why.c_str());
  return result.value_or(false);
}

// Laws of operations run on each set that the build and the processor have, and pass over the others without a word.
static void printInstructionSets() {
  std::string ran, absent;
  for (const Isa isa : kIsas) {
    std::string& names = kernelsOf(isa) != nullptr ? ran : absent;
    names += (names.empty() ? "" : ", ") + std::string(isaName(isa));
  }
  std::printf("instruction sets that ran: %s%s%s\n", ran.c_str(), absent.empty() ? "" : "; not on this machine: ", absent.c_str());
}

static int runAll(const Options& options) {
  int passed = 0;
  int failed = 0;
  unsigned chosen = 0;
  std::vector<std::pair<double, const char*>> times;
  for (const Case& test : cases()) {
    if (!isChosen(test, options) || chosen++ % options.parts != options.part - 1) continue;
    if (options.list) {
      std::printf("%s\n", test.sentence);
      continue;
    }
    if (options.each) std::printf("RUN %s\n", test.sentence);
    std::fflush(stdout);
    const auto start = std::chrono::steady_clock::now();
    const bool holds = options.apartSeconds > 0 ? runCaseApart(test, options.apartSeconds) : runCase(test);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    (holds ? passed : failed)++;
    if (options.each && holds) std::printf("PASS %s (%.2f s)\n", test.sentence, seconds);
    times.emplace_back(seconds, test.sentence);
  }
  if (options.list) return 0;
  if (options.times) printSlowest(std::move(times));
  // Of several parts the first speaks for all.
  if (options.part == 1) printInstructionSets();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

static int runOne(const char* sentence, const std::function<void()>& body) {
  const bool holds = runCase({sentence, body, ""});
  std::printf("%d passed, %d failed\n", holds ? 1 : 0, holds ? 0 : 1);
  return holds ? 0 : 1;
}

// "3/8"; false where it is not understood.
static bool readPart(const std::string& text, Options& into) {
  return std::sscanf(text.c_str(), "%u/%u", &into.part, &into.parts) == 2 && into.part >= 1 && into.part <= into.parts;
}

// Null where the arguments are not understood.
static std::optional<Options> optionsOf(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); i++) {
    const std::string& name = arguments[i];
    if (name == "--list") options.list = true;
    else if (name == "--times") options.times = true;
    else if (name == "--each") options.each = true;
    else if (i + 1 == arguments.size()) return std::nullopt;
    else if (name == "--filter") options.filter = arguments[++i];
    else if (name == "--without") options.without.push_back(arguments[++i]);
    else if (name == "--in") options.folder = arguments[++i];
    else if (name == "--apart") options.apartSeconds = static_cast<unsigned>(std::strtoul(arguments[++i].c_str(), nullptr, 10));
    else if (name == "--part" && readPart(arguments[i + 1], options)) i++;
    else if (name == "--soak") options.soakMinutes = std::atof(arguments[++i].c_str());
    else if (name == "--seed") options.seed = std::strtoull(arguments[++i].c_str(), nullptr, 10);
    else return std::nullopt;
  }
  return options;
}

}  // namespace agl::test

int main(int argc, char** argv) {
  using namespace agl::test;
  const std::optional<Options> options = optionsOf({argv + 1, argv + argc});
  if (!options.has_value()) {
    std::printf("native_tests: unknown arguments; the head of test/native/main.cpp lists them\n");
    return 2;
  }
  if (!options->list && !isMachineReady(options->apartSeconds > 0)) return 1;
  if (options->soakMinutes > 0) {
    const auto body = [&] { soak({.minutes = options->soakMinutes}, options->seed); };
    return runOne("a soak of mixed work keeps every law", body);
  }
  return runAll(*options);
}
