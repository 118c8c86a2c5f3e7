// A product with weights of one byte, and what it must give: codes by the definition of core/codes.h in double.
#pragma once

#include <algorithm>

#include "core/codes.h"
#include "core/half.h"
#include "ops/backends.h"

namespace agl::test {

using Halves = std::vector<std::uint16_t>;

struct Shape {
  std::int64_t rows, n, k;
};

// What a code stands for.
inline double codeValue(Dtype codes, int code) {
  if (codes == Dtype::i8) return code < 128 ? code : code - 256;
  const int exponent = code >> 3 & 15, fraction = code & 7;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
  return code < 128 ? magnitude : -magnitude;
}
inline bool isNumber(Dtype codes, int code) { return codes == Dtype::i8 ? code != 128 : code % 128 != 127; }

// The code nearest to `value`, among equals the even one; its sign is that of the value.
inline int nearestCode(Dtype codes, double value) {
  int best = 0;
  double least = HUGE_VAL;
  for (int code = 0; code < 128; code++) {
    const double distance = std::abs(std::abs(value) - codeValue(codes, code));
    if (!isNumber(codes, code) || distance > least || (distance == least && code % 2 != 0)) continue;
    best = code, least = distance;
  }
  if (!std::signbit(value)) return best;
  return codes == Dtype::i8 ? (256 - best) % 256 : best + 128;
}

// Weights whose outputs differ in size; some are zero, tiny, or, where there are many, not finite.
struct CodeProblem {
  Dtype codes;
  Shape shape;
  Floats x, w, dy;
  Floats scales;  // of each output
  Halves q;       // (n, k), codes as bf16
  std::vector<std::uint8_t> bytes;

  CodeProblem(Dtype dtype, Shape s, bool special = false)
      : codes(dtype), shape(s), x(randomNumbers(s.rows * s.k, 1)), w(randomNumbers(s.n * s.k, 2)), dy(randomNumbers(s.rows * s.n, 3)) {
    constexpr float sizes[] = {1.0F, 0.01F, 30.0F, 1e-30F, 0.0F, 1e-38F, 1e-44F};
    for (std::int64_t n = 0; n < s.n; n++) {
      for (std::int64_t k = 0; k < s.k; k++) at(n, k) *= sizes[special ? n % 7 : n % 3];
    }
    if (special && s.n > 9) at(8, s.k / 2) = HUGE_VALF, at(9, 0) = kNan;
    for (std::int64_t n = 0; n < s.n; n++) quantise(n);
  }

  float& at(std::int64_t n, std::int64_t k) { return w[static_cast<std::size_t>(n * shape.k + k)]; }
  // The codes as plain weights: what a product in bf16 has to read.
  Floats plain() const {
    Floats out(q.size());
    std::transform(q.begin(), q.end(), out.begin(), bf16ToF32);
    return out;
  }
  Halves roundedX() const { return rounded(x); }
  // dy times the scales, rounded: the operand of backwardInput.
  Floats scaledDy() const {
    Floats out = dy;
    for (std::size_t i = 0; i < out.size(); i++) out[i] *= scales[i % static_cast<std::size_t>(shape.n)];
    return out;
  }
  // Sums of codes become outputs.
  Floats scaled(Floats y) const {
    for (std::size_t i = 0; i < y.size(); i++) y[i] *= scales[i % static_cast<std::size_t>(shape.n)];
    return y;
  }
  static Halves rounded(const Floats& numbers) {
    Halves out(numbers.size());
    std::transform(numbers.begin(), numbers.end(), out.begin(), f32ToBf16);
    return out;
  }

 private:
  void quantise(std::int64_t n) {
    float largest = 0;
    bool finite = true;
    for (std::int64_t k = 0; k < shape.k; k++) {
      finite = finite && std::isfinite(at(n, k));
      largest = std::max(largest, std::abs(at(n, k)));
    }
    float scale = largest / static_cast<float>(codeValue(codes, codes == Dtype::i8 ? 127 : 126));
    if (scale < std::numeric_limits<float>::min()) scale = 1;
    scales.push_back(finite ? scale : kNan);
    for (std::int64_t k = 0; k < shape.k; k++) {
      const int code = finite ? nearestCode(codes, static_cast<double>(at(n, k) / scale)) : 0;
      bytes.push_back(static_cast<std::uint8_t>(code));
      q.push_back(f32ToBf16(static_cast<float>(codeValue(codes, code))));
    }
  }
};

}  // namespace agl::test
