// What the benchmarks of a CUDA device share: the device, numbers in its memory, calls timed by its events in interleaved
// rounds, and rows in the form of benchmarks/results.jsonl.
//   --list   prints the cases as rows without a value, for peers; needs no device
//   --commit TEXT  --loaded true|false  --rounds N   go into the rows
#pragma once

#include <cuda_runtime_api.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <exception>
#include <fstream>
#include <functional>
#include <memory>

#include "core/cuda_device.h"
#include "core/half.h"
#include "core/philox.h"
#include "core/pool.h"
#include "measure.h"
#include "ops/cuda.h"
#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl::bench {

// One thing to time. `call` asks the device for it and does not wait.
struct DeviceCase {
  std::string subject;
  std::string shape;  // a JSON object; peers find the same work by it
  double flops = 0;
  double bytes = 0;  // that must be read, where memory is the limit
  std::function<void()> call = {};
  std::function<bool()> isRight = {};  // asked after the first call
  std::vector<double> milliseconds = {};
  int calls = 1;
};

// ---- the device

class Machine {
 public:
  explicit Machine(std::size_t scratchBytes) : pool_(1, 64) {
    device_ = CudaDevice::open(0, why_);
    if (device_ == nullptr) return;
    if (!device_->reserveScratch(scratchBytes)) why_ = "scratch was refused";
    context_.reset(new Context{pool_, *kernelsOf(Isa::scalar), *device_, *cudaOps()});
    std::vector<float> tile(kTile);
    for (std::size_t i = 0; i < kTile; i++) {
      const PhiloxBlock block = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, 1);
      tile[i] = static_cast<float>(2 * uniform(block[0], block[1]) - 1);
    }
    tile_ = std::move(tile);
  }
  // Empty while all is well.
  std::string failure() {
    if (device_ != nullptr && why_.empty()) why_ = device_->failure();
    return why_;
  }
  CudaDevice& device() { return *device_; }
  Context& context() { return *context_; }

  // Random numbers of (-1, 1) in f32: `at(i)` is number i. They repeat after 2^20 + 7, which no row's length divides.
  float at(std::int64_t i) const { return tile_[static_cast<std::size_t>(i) % kTile]; }
  float* floats(std::int64_t count) {
    auto* const to = static_cast<float*>(memory(static_cast<std::size_t>(count) * 4));
    if (to == nullptr) return nullptr;
    const auto all = static_cast<std::size_t>(count);
    device_->copyIn(to, tile_.data(), std::min(kTile, all) * 4);
    for (std::size_t done = kTile; done < all; done += kTile) device_->copy(to + done, to, std::min(kTile, all - done) * 4);
    return to;
  }
  std::uint16_t* halves(std::int64_t count) {
    auto* const to = static_cast<std::uint16_t*>(memory(static_cast<std::size_t>(count) * 2));
    if (to == nullptr) return nullptr;
    std::vector<std::uint16_t> rounded(kTile);
    std::transform(tile_.begin(), tile_.end(), rounded.begin(), f32ToBf16);
    const auto all = static_cast<std::size_t>(count);
    device_->copyIn(to, rounded.data(), std::min(kTile, all) * 2);
    for (std::size_t done = kTile; done < all; done += kTile) device_->copy(to + done, to, std::min(kTile, all - done) * 2);
    return to;
  }
  // Until the process ends.
  void* memory(std::size_t bytes) {
    void* const data = device_->allocate(bytes);
    if (data == nullptr && why_.empty()) why_ = "memory was refused: " + std::to_string(bytes) + " bytes";
    return data;
  }

 private:
  static constexpr std::size_t kTile = (std::size_t{1} << 20) + 7;
  std::string why_;
  std::unique_ptr<CudaDevice> device_;
  Pool pool_;
  std::unique_ptr<Context> context_;
  std::vector<float> tile_;
};

// ---- time

class DeviceClock {
 public:
  explicit DeviceClock(CudaDevice& device) : device_(device) {
    device_.use();
    device_.note("clock", cudaEventCreate(&begin_));
    device_.note("clock", cudaEventCreate(&end_));
  }
  ~DeviceClock() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;

  // Of one call, the mean of `calls`.
  double milliseconds(const std::function<void()>& call, int calls) {
    device_.note("clock", cudaEventRecord(begin_, device_.stream()));
    for (int i = 0; i < calls; i++) call();
    device_.note("clock", cudaEventRecord(end_, device_.stream()));
    device_.note("clock", cudaEventSynchronize(end_));
    float out = 0;
    device_.note("clock", cudaEventElapsedTime(&out, begin_, end_));
    return static_cast<double>(out) / calls;
  }

 private:
  CudaDevice& device_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

// ---- rows

class RowPrinter {
 public:
  RowPrinter(const Arguments& arguments, std::string device)
      : commit_(arguments.text("commit", "unknown")), loaded_(arguments.text("loaded", "false")), device_(std::move(device)) {}

  // `more`: further fields, each with a comma before it.
  void print(const std::string& subject, const std::string& shape, std::vector<double> samples, const char* unit,
             const std::string& more) const {
    std::sort(samples.begin(), samples.end());
    const auto at = [&](double share) {
      const auto i = static_cast<std::size_t>(share * static_cast<double>(samples.size()));
      return samples[std::min(samples.size() - 1, i)];
    };
    std::printf("{\"date\":\"%s\",\"commit\":\"%s\",\"machine\":{\"cpu\":\"%s\",\"cores\":%ld,\"memoryBytes\":%lld},"
                "\"device\":\"%s\",\"subject\":\"%s\",\"contender\":\"engine\",\"dtype\":\"bf16\",\"threads\":1,"
                "\"shape\":%s,\"value\":%.5g,\"p20\":%.5g,\"p80\":%.5g,\"samples\":%zu,\"unit\":\"%s\"%s,\"loaded\":%s}\n",
                now().c_str(), commit_.c_str(), processor().c_str(), sysconf(_SC_NPROCESSORS_ONLN), memoryBytes(),
                device_.c_str(), subject.c_str(), shape.c_str(), at(0.5), at(0.2), at(0.8), samples.size(), unit,
                more.c_str(), loaded_.c_str());
    std::fflush(stdout);
  }
  void print(const DeviceCase& one) const {
    std::vector<double> sorted = one.milliseconds;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    const double median = sorted[sorted.size() / 2];
    char more[128] = "";
    if (one.flops > 0) std::snprintf(more, sizeof more, ",\"teraflops\":%.4g", one.flops / median * 1e-9);
    if (one.bytes > 0) std::snprintf(more, sizeof more, ",\"gigabytesPerSecond\":%.4g", one.bytes / median * 1e-6);
    print(one.subject, one.shape, one.milliseconds, "ms", more);
  }

 private:
  static std::string now() {
    const std::time_t time = std::time(nullptr);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&time));
    return text;
  }
  static std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    }
    return "unknown";
  }
  static long long memoryBytes() { return static_cast<long long>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

  std::string commit_, loaded_, device_;
};

// ---- a program

// Prints why and returns 1.
inline int refuse(const std::string& program, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), why.c_str());
  return 1;
}

inline int listCases(const std::vector<DeviceCase>& cases) {
  for (const DeviceCase& one : cases) std::printf("{\"subject\":\"%s\",\"shape\":%s}\n", one.subject.c_str(), one.shape.c_str());
  return 0;
}

// What main does: `run` is called with the arguments and whether cases are listed alone; what it throws is a refusal.
template <class Run>
int runProgram(const std::string& program, int argc, char** argv, const Run& run) {
  try {
    return run(Arguments(argc, argv), argc > 1 && std::string(argv[1]) == "--list");
  } catch (const std::exception& error) {
    return refuse(program, error.what());
  }
}

// Checks each case once, then times all of them in turns, and prints their rows.
inline int measureCases(const std::string& program, const Arguments& arguments, Machine& machine, std::vector<DeviceCase>& cases) {
  constexpr double kSampleMilliseconds = 2;
  constexpr int kMostCalls = 50;
  if (!machine.failure().empty()) return refuse(program, machine.failure());
  DeviceClock clock(machine.device());
  for (DeviceCase& one : cases) {
    one.call();
    const bool isRight = !one.isRight || one.isRight();
    if (!machine.failure().empty()) return refuse(program, one.shape + ": " + machine.failure());
    if (!isRight) return refuse(program, one.shape + ": the result is wrong");
    clock.milliseconds(one.call, 2);
    const double once = clock.milliseconds(one.call, 1);
    one.calls = std::clamp(static_cast<int>(kSampleMilliseconds / std::max(once, 1e-4)), 1, kMostCalls);
  }
  const std::int64_t rounds = arguments.integer("rounds", 20);
  for (std::int64_t round = 0; round < rounds; round++) {
    for (DeviceCase& one : cases) one.milliseconds.push_back(clock.milliseconds(one.call, one.calls));
  }
  if (!machine.failure().empty()) return refuse(program, machine.failure());
  const RowPrinter rows(arguments, machine.device().name());
  for (const DeviceCase& one : cases) rows.print(one);
  return 0;
}

}  // namespace agl::bench
