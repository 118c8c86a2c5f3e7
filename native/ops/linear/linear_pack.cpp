// Weights into panels and back, from every dtype of files.
#include <algorithm>

#include "core/codes.h"
#include "core/half.h"
#include "ops/linear/linear.h"

namespace agl {
namespace {

constexpr std::int64_t kLanes = Packed::kLanes;
constexpr std::int64_t kGrain = 100'000;

struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};
float widened(float value) { return value; }
float widened(Bf16 value) { return bf16ToF32(value.bits); }
float widened(F16 value) { return f16ToF32(value.bits); }
std::uint16_t rounded(float value) { return f32ToBf16(value); }
std::uint16_t rounded(Bf16 value) { return value.bits; }
std::uint16_t rounded(F16 value) { return f32ToBf16(f16ToF32(value.bits)); }

// One panel, in blocks of 16 columns so that every line read is used whole before the next.
template <class Number>
void packF32(float* panel, const View& w, std::int64_t n) {
  const std::int64_t lanes = std::min(kLanes, w.rows - n);
  const Number* rows = static_cast<const Number*>(w.data) + n * w.stride;
  for (std::int64_t begin = 0; begin < w.cols; begin += kLanes) {
    const std::int64_t count = std::min(kLanes, w.cols - begin);
    float* out = panel + begin * kLanes;
    for (std::int64_t lane = 0; lane < lanes; lane++) {
      const Number* row = rows + lane * w.stride + begin;
      for (std::int64_t k = 0; k < count; k++) out[k * kLanes + lane] = widened(row[k]);
    }
    for (std::int64_t k = 0; k < count; k++) std::fill(out + k * kLanes + lanes, out + (k + 1) * kLanes, 0.0F);
  }
}

// One panel, step by step: 16 pairs of 16 lanes.
template <class Number>
void packBf16(std::uint16_t* panel, const View& w, std::int64_t n) {
  const std::int64_t lanes = std::min(kLanes, w.rows - n);
  const Number* rows = static_cast<const Number*>(w.data) + n * w.stride;
  for (std::int64_t begin = 0; begin < w.cols; begin += Packed::kStep) {
    const std::int64_t count = std::min(Packed::kStep, w.cols - begin);
    std::uint16_t* out = panel + begin * kLanes;
    if (count < Packed::kStep || lanes < kLanes) std::fill_n(out, Packed::kStep * kLanes, std::uint16_t{0});
    for (std::int64_t lane = 0; lane < lanes; lane++) {
      const Number* row = rows + lane * w.stride + begin;
      for (std::int64_t k = 0; k < count; k++) out[(k / 2 * kLanes + lane) * 2 + k % 2] = rounded(row[k]);
    }
  }
}

// One panel in the order of packBf16, and its scales.
template <Dtype kCodes, class Number>
void packCodes(const Packed& packed, const View& w, std::int64_t n) {
  std::uint8_t* const panel = packed.codes() + packed.at(n, 0);
  std::fill_n(panel, packed.panelElements(), std::uint8_t{0});
  std::fill_n(packed.scales + n, kLanes, 1.0F);
  for (std::int64_t lane = 0; lane < std::min(kLanes, w.rows - n); lane++) {
    const Number* row = static_cast<const Number*>(w.data) + (n + lane) * w.stride;
    std::uint32_t largest = 0;
    for (std::int64_t k = 0; k < w.cols; k++) largest = std::max(largest, magnitudeBits(widened(row[k])));
    const float scale = codeScale(kCodes, largest);
    packed.scales[n + lane] = scale;
    for (std::int64_t k = 0; k < w.cols; k++) {
      panel[(k / 2 * kLanes + lane) * 2 + k % 2] = codeOf(kCodes, widened(row[k]), scale);
    }
  }
}

template <class Number>
void packPanel(const Packed& packed, std::int64_t p, const View& w) {
  if (packed.dtype == Dtype::i8) return packCodes<Dtype::i8, Number>(packed, w, p * kLanes);
  if (packed.dtype == Dtype::f8) return packCodes<Dtype::f8, Number>(packed, w, p * kLanes);
  if (packed.dtype == Dtype::bf16) {
    packBf16<Number>(packed.bf16() + p * packed.panelElements(), w, p * kLanes);
  } else {
    packF32<Number>(packed.f32() + p * packed.panelElements(), w, p * kLanes);
  }
}

}  // namespace

void packWeights(Context& ctx, Packed packed, View w) {
  ctx.pool.run(packed.panels(), kGrain / (w.cols * kLanes) + 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; p++) {
      if (w.dtype == Dtype::f32) packPanel<float>(packed, p, w);
      if (w.dtype == Dtype::bf16) packPanel<Bf16>(packed, p, w);
      if (w.dtype == Dtype::f16) packPanel<F16>(packed, p, w);
    }
  });
}

void unpackRow(float* row, const Packed& packed, std::int64_t n) {
  if (isCode(packed.dtype)) {
    const std::uint8_t* lane = packed.codes() + packed.at(n, 0);
    for (std::int64_t k = 0; k < packed.k; k++) {
      row[k] = codeToF32(packed.dtype, lane[k / 2 * 2 * kLanes + k % 2]) * packed.scales[n];
    }
    return;
  }
  if (packed.dtype == Dtype::bf16) {
    const std::uint16_t* lane = packed.bf16() + packed.at(n, 0);
    for (std::int64_t k = 0; k < packed.k; k++) row[k] = bf16ToF32(lane[k / 2 * 2 * kLanes + k % 2]);
  } else {
    const float* lane = packed.f32() + packed.at(n, 0);
    for (std::int64_t k = 0; k < packed.k; k++) row[k] = lane[k * kLanes];
  }
}

void unpackWeights(Context& ctx, View w, Packed packed) {
  ctx.pool.run(w.rows, kGrain / w.cols + 1, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; n++) unpackRow(w.f32(n), packed, n);
  });
}

}  // namespace agl
