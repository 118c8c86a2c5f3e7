// Keys or values in f32 or bf16 where a device's operations read them, columns of other matrices beside them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/half.h"
#include "ops/backends.h"

namespace agl::test {

class StoredKeys {
 public:
  // Rows of `cols` numbers, `apart` columns of NaN between a row and the next.
  StoredKeys(Device& device, const Floats& numbers, std::int64_t cols, std::int64_t apart, bool bf16)
      : floats_(device), halves_(device), bf16_(bf16), rows_(static_cast<std::int64_t>(numbers.size()) / cols),
        cols_(cols), stride_(cols + apart) {
    Floats all(static_cast<std::size_t>(rows_ * stride_), kNan);
    for (std::int64_t r = 0; r < rows_; r++) std::copy_n(numbers.begin() + r * cols, cols, all.begin() + r * stride_);
    if (bf16) {
      std::vector<std::uint16_t> halves(all.size());
      std::transform(all.begin(), all.end(), halves.begin(), f32ToBf16);
      halves_ = Mirrored<std::uint16_t>(device, std::move(halves));
    } else {
      floats_ = Mirrored<float>(device, std::move(all));
    }
  }
  View view() {
    if (bf16_) return {halves_.device(), Dtype::bf16, rows_, cols_, stride_};
    return {floats_.device(), Dtype::f32, rows_, cols_, stride_};
  }

 private:
  Mirrored<float> floats_;
  Mirrored<std::uint16_t> halves_;
  bool bf16_;
  std::int64_t rows_, cols_, stride_;
};

// A matrix's own columns.
inline Floats numbersOf(Apart& m, std::int64_t rows, std::int64_t cols) {
  Floats out;
  for (std::int64_t r = 0; r < rows; r++) out.insert(out.end(), m.row(r), m.row(r) + cols);
  return out;
}

}  // namespace agl::test
