// What the native benchmarks share: their arguments, the clock, repeated measurements, one JSON line at the end.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace agl::bench {

inline double secondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// `--name value` pairs.
class Arguments {
 public:
  Arguments(int argc, char** argv) : words_(argv + 1, argv + argc) {}
  std::string text(const std::string& name, const std::string& otherwise) const {
    for (std::size_t i = 0; i + 1 < words_.size(); i += 2) {
      if (words_[i] == "--" + name) return words_[i + 1];
    }
    return otherwise;
  }
  std::int64_t integer(const std::string& name, std::int64_t otherwise) const {
    return std::strtoll(text(name, std::to_string(otherwise)).c_str(), nullptr, 10);
  }
  double number(const std::string& name, double otherwise) const {
    return std::strtod(text(name, std::to_string(otherwise)).c_str(), nullptr);
  }
  // "1,8,64" as numbers.
  std::vector<std::int64_t> list(const std::string& name) const {
    std::vector<std::int64_t> out;
    const std::string all = text(name, "");
    for (std::size_t at = 0; at < all.size(); at = all.find(',', at) == std::string::npos ? all.size() : all.find(',', at) + 1) {
      out.push_back(std::strtoll(all.c_str() + at, nullptr, 10));
    }
    return out;
  }

 private:
  std::vector<std::string> words_;
};

// Seconds of one call: warms up for a fifth of `seconds`, then as many samples as fit, each long enough for the clock.
template <class Call>
std::vector<double> secondsOfCalls(double seconds, Call call) {
  constexpr double kSampleSeconds = 4e-4;
  std::int64_t calls = 0;
  const double warm = secondsNow();
  double took = 0;
  while (took < seconds / 5 || calls == 0) {
    call();
    calls++;
    took = secondsNow() - warm;
  }
  const std::int64_t perSample = static_cast<std::int64_t>(kSampleSeconds / (took / static_cast<double>(calls))) + 1;
  std::vector<double> out;
  const double begin = secondsNow();
  double end = begin;
  while (end - begin < seconds) {
    for (std::int64_t i = 0; i < perSample; i++) call();
    const double now = secondsNow();
    out.push_back((now - end) / static_cast<double>(perSample));
    end = now;
  }
  return out;
}

inline std::string jsonNumbers(const std::vector<double>& numbers) {
  std::string out = "[";
  char text[32];
  for (std::size_t i = 0; i < numbers.size(); i++) {
    std::snprintf(text, sizeof text, "%s%.6g", i == 0 ? "" : ",", numbers[i]);
    out += text;
  }
  return out + "]";
}

// Prints `fields` with the process's own processor time and its largest resident size.
inline void printResult(const std::string& fields) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  std::printf("{%s,\"cpuSeconds\":%.4f,\"peakBytes\":%lld}\n", fields.c_str(),
              seconds(usage.ru_utime) + seconds(usage.ru_stime), static_cast<long long>(usage.ru_maxrss) * 1024);
}

}  // namespace agl::bench
