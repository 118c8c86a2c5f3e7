#include "model/rope_table.h"

#include <vector>

#include "core/elementary.h"

namespace agl {

namespace {

constexpr double kPi = 0x1.921fb54442d18p+1;

// Every step in float32, quotients of a number by a tensor as product with the reciprocal: transformers' roundings.
float llama3(float frequency, const RopeParameters& p) {
  const float wavelength = (1.0F / frequency) * static_cast<float>(2.0 * kPi);
  const float original = static_cast<float>(p.originalMaxPositions);
  const float factor = static_cast<float>(p.factor);
  const float longest = static_cast<float>(p.originalMaxPositions / p.lowFrequencyFactor);
  const float shortest = static_cast<float>(p.originalMaxPositions / p.highFrequencyFactor);
  if (wavelength > longest) return frequency / factor;
  if (wavelength < shortest) return frequency;
  const float cycles = (1.0F / wavelength) * original;
  const float smooth = (cycles - static_cast<float>(p.lowFrequencyFactor)) /
                       static_cast<float>(p.highFrequencyFactor - p.lowFrequencyFactor);
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

float ropeFrequency(std::int64_t i, std::int64_t headSize, const RopeParameters& p) {
  const float exponent = static_cast<float>(2 * i) / static_cast<float>(headSize);
  const double power = elementary::exp(static_cast<double>(exponent) * elementary::log(p.theta));
  const float frequency = 1.0F / static_cast<float>(power);
  switch (p.kind) {
    case RopeKind::linear:
      return frequency / static_cast<float>(p.factor);
    case RopeKind::llama3:
      return llama3(frequency, p);
    case RopeKind::standard:
      break;
  }
  return frequency;
}

void fillRopeTable(View cos, View sin, const RopeParameters& parameters) {
  std::vector<float> frequencies(static_cast<std::size_t>(cos.cols));
  for (std::int64_t i = 0; i < cos.cols; i++) frequencies[i] = ropeFrequency(i, 2 * cos.cols, parameters);
  for (std::int64_t position = 0; position < cos.rows; position++) {
    for (std::int64_t i = 0; i < cos.cols; i++) {
      const float angle = static_cast<float>(position) * frequencies[i];
      cos.f32(position)[i] = static_cast<float>(elementary::cos(static_cast<double>(angle)));
      sin.f32(position)[i] = static_cast<float>(elementary::sin(static_cast<double>(angle)));
    }
  }
}

}  // namespace agl
