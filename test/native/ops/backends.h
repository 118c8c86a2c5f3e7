// What every op law needs: each instruction set of this machine with one and two threads, random numbers, comparisons.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "core/philox.h"
#include "core/pool.h"
#include "harness.h"
#include "ops/kernels.h"
#include "ops/ops.h"

namespace agl::test {

using Floats = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Calls law(ctx) for every instruction set that this machine has, with one thread and with two.
inline void onEveryBackend(const std::function<void(Context&)>& law, std::size_t scratchBytes = 1 << 20) {
  for (const int threads : {1, 2}) {
    Pool pool(threads, scratchBytes);
    for (const Isa isa : kIsas) {
      if (const Kernels* kernels = kernelsOf(isa)) {
        Context ctx{pool, *kernels};
        law(ctx);
      }
    }
  }
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

// A matrix whose rows are apart: columns beyond its own hold a mark that nothing may change.
class Apart {
 public:
  Apart(std::int64_t rows, std::int64_t cols, float fill) : rows_(rows), cols_(cols), stride_(cols + 3) {
    numbers_.assign(static_cast<std::size_t>(rows * stride_), kMark);
    for (std::int64_t r = 0; r < rows; r++) std::fill_n(row(r), cols, fill);
  }
  Apart(std::int64_t rows, std::int64_t cols, const Floats& values) : Apart(rows, cols, 0.0F) {
    for (std::int64_t r = 0; r < rows; r++) std::copy_n(values.data() + r * cols, cols, row(r));
  }
  View view() { return {numbers_.data(), Dtype::f32, rows_, cols_, stride_}; }
  float* row(std::int64_t r) { return numbers_.data() + r * stride_; }
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
  Floats numbers_;
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
