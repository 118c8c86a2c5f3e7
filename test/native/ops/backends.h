// What every op law needs: each instruction set of this machine with one and two threads, random numbers, comparisons.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "core/pool.h"
#include "harness.h"
#include "ops/cuda.h"
#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl::test {

using Floats = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline Context cpuContext(Pool& pool, const Kernels& kernels) { return {pool, kernels, hostDevice(), cpuOps()}; }

// Calls law(ctx) for every instruction set that this machine has, with one thread and with two.
inline void onEveryBackend(const std::function<void(Context&)>& law, std::size_t scratchBytes = 1 << 20) {
  for (const int threads : {1, 2}) {
    Pool pool(threads, scratchBytes);
    for (const Isa isa : kIsas) {
      if (const Kernels* kernels = kernelsOf(isa)) {
        Context ctx = cpuContext(pool, *kernels);
        law(ctx);
      }
    }
  }
}

// Calls law(ctx) on the CUDA device of this program: the emulated one.
inline void onCuda(const std::function<void(Context&)>& law, std::size_t scratchBytes = 4 << 20) {
#if defined(__SANITIZE_THREAD__)
  return;  // which sees nothing of the emulation, and makes it slow
#endif
  std::string why;
  const std::unique_ptr<CudaDevice> device = CudaDevice::open(0, why);
  if (device == nullptr || !device->reserveScratch(scratchBytes)) throw std::runtime_error(why);
  Pool pool(1, 64);
  Context ctx{pool, *scalarKernels(), *device, *cudaOps()};
  law(ctx);
  checkDevice(*device);
}

// On every instruction set and on the CUDA device.
inline void onEveryDevice(const std::function<void(Context&)>& law, std::size_t scratchBytes = 1 << 20) {
  onEveryBackend(law, scratchBytes);
  onCuda(law);
}

// Uniform in (-1, 1), a function of the seed and the position.
template <class T = float>
std::vector<T> randomNumbers(std::int64_t count, std::uint64_t seed) {
  std::vector<T> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); i++) {
    const PhiloxBlock block = philox({static_cast<std::uint32_t>(i), 0, 0, 0}, seed);
    out[i] = static_cast<T>(2 * uniform(block[0], block[1]) - 1);
  }
  return out;
}

// The same bits; any NaN equals any other, as IEEE leaves their payloads open.
inline bool sameNumber(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}
inline bool sameNumbers(const float* a, const float* b, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i++) {
    if (!sameNumber(a[i], b[i])) return false;
  }
  return true;
}
inline bool sameNumbers(const Floats& a, const Floats& b) {
  return a.size() == b.size() && sameNumbers(a.data(), b.data(), static_cast<std::int64_t>(a.size()));
}

// Numbers on the host and, once an operation has asked for them, on a device: each side is brought up to date when the other was touched last.
template <class T>
class Mirrored {
 public:
  explicit Mirrored(Device& device, std::vector<T> numbers = {}) : device_(&device), numbers_(std::move(numbers)) {}
  Mirrored(Mirrored&& other) noexcept { *this = std::move(other); }
  Mirrored& operator=(Mirrored&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(numbers_, other.numbers_);
    std::swap(copy_, other.copy_);
    std::swap(onDevice_, other.onDevice_);
    return *this;
  }
  ~Mirrored() {
    if (copy_ != nullptr) device_->release(copy_, bytes());
  }

  std::vector<T>& host() {
    if (onDevice_) {
      device_->copyOut(numbers_.data(), copy_, bytes());
      checkDevice(*device_);
    }
    onDevice_ = false;
    return numbers_;
  }
  T* device() {
    if (device_->isHost()) return numbers_.data();
    if (copy_ == nullptr) copy_ = device_->allocate(bytes());
    if (!onDevice_) device_->copyIn(copy_, numbers_.data(), bytes());
    onDevice_ = true;
    return static_cast<T*>(copy_);
  }

 private:
  std::size_t bytes() const { return numbers_.size() * sizeof(T); }

  Device* device_ = nullptr;
  std::vector<T> numbers_;
  void* copy_ = nullptr;
  bool onDevice_ = false;
};

// A matrix whose rows are apart: columns beyond its own hold a mark that nothing may change.
class Apart {
 public:
  Apart(std::int64_t rows, std::int64_t cols, float fill, Device& device = hostDevice())
      : rows_(rows), cols_(cols), stride_(cols + 3), numbers_(device, Floats(static_cast<std::size_t>(rows * stride_), kMark)) {
    for (std::int64_t r = 0; r < rows; r++) std::fill_n(row(r), cols, fill);
  }
  Apart(std::int64_t rows, std::int64_t cols, const Floats& values, Device& device = hostDevice())
      : Apart(rows, cols, 0.0F, device) {
    for (std::int64_t r = 0; r < rows; r++) std::copy_n(values.data() + r * cols, cols, row(r));
  }
  // Where the operations of its device read and write it.
  View view() { return {numbers_.device(), Dtype::f32, rows_, cols_, stride_}; }
  float* row(std::int64_t r) { return numbers_.host().data() + r * stride_; }
  bool marksHold() {
    for (std::int64_t r = 0; r < rows_; r++) {
      for (std::int64_t c = cols_; c < stride_; c++) {
        if (row(r)[c] != kMark) return false;
      }
    }
    return true;
  }
  bool equals(const Floats& values) {
    for (std::int64_t r = 0; r < rows_; r++) {
      if (!sameNumbers(row(r), values.data() + r * cols_, cols_)) return false;
    }
    return marksHold();
  }

 private:
  static constexpr float kMark = 12345.0F;
  std::int64_t rows_, cols_, stride_;
  Mirrored<float> numbers_;
};

// Central differences of `value` with respect to each of `parameters` (which it reads).
inline std::vector<double> centralDifferences(std::vector<double>& parameters, const std::function<double()>& value,
                                              double step = 1e-4) {
  std::vector<double> out;
  for (double& parameter : parameters) {
    const double at = parameter;
    parameter = at + step;
    const double above = value();
    parameter = at - step;
    const double below = value();
    parameter = at;
    out.push_back((above - below) / (2 * step));
  }
  return out;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
  return sum;
}

}  // namespace agl::test
