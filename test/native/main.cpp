// native_tests [--filter SUBSTRING] [--list]
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "harness.h"

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

static int runAll(const std::string& filter, bool list) {
  int passed = 0;
  int failed = 0;
  for (const Case& test : cases()) {
    if (std::string(test.sentence).find(filter) == std::string::npos) continue;
    if (list) {
      std::printf("%s\n", test.sentence);
      continue;
    }
    failures = 0;
    try {
      test.body();
    } catch (const std::exception& error) {
      fail(test.sentence, 0, std::string("threw: ") + error.what());
    }
    if (failures == 0) {
      passed++;
    } else {
      failed++;
      std::printf("FAIL %s\n", test.sentence);
    }
    std::fflush(stdout);
  }
  if (list) return 0;
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace agl::test

int main(int argc, char** argv) {
  std::string filter;
  bool list = false;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    if (argument == "--list") list = true;
    if (argument == "--filter" && i + 1 < argc) filter = argv[++i];
  }
  return agl::test::runAll(filter, list);
}
