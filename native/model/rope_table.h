// Tables of cosines and sines for rope.h: one row for each position, one column for each frequency.
//   f[i] = theta^(-2i/D) as transformers computes it in float32, scaled for long contexts by `kind`:
//     linear  f / factor
//     llama3  wavelength w = 2 pi / f: f above the high-frequency bound, f / factor below the low one, and between them
//             (1 - s) f / factor + s f with s = (original / w - low) / (high - low)
//   angle = float32(position) f[i], rounded to float32; cosine and sine are our own, in double, rounded once.
#pragma once

#include <cstdint>

#include "core/view.h"

namespace agl {

enum class RopeKind : std::uint8_t { standard, linear, llama3 };

struct RopeParameters {
  double theta = 10000;
  RopeKind kind = RopeKind::standard;
  double factor = 1;               // linear, llama3
  double lowFrequencyFactor = 1;   // llama3, from here on
  double highFrequencyFactor = 4;
  double originalMaxPositions = 8192;
};

// cos, sin (positions, D/2), overwritten. Angles beyond 1e6 radians are NaN: positions are at most 1,000,000.
void fillRopeTable(View cos, View sin, const RopeParameters& parameters);

// f[i] of D/2 frequencies.
float ropeFrequency(std::int64_t i, std::int64_t headSize, const RopeParameters& parameters);

}  // namespace agl
