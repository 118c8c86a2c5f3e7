// Tables of cos and sin by position for rotary embedding.   Su et al. 2021, arXiv:2104.09864; scaling as transformers does it.
//   frequency[i] = theta^(-2i/D) rounded to f32, then scaled by kind; angle = position * frequency in f32; cos, sin our own, rounded to f32
#pragma once

#include "core/view.h"

namespace agl {

enum class RopeKind { standard, linear, llama3 };

struct RopeParameters {
  RopeKind kind = RopeKind::standard;
  double theta = 10000;
  double factor = 1;  // linear and llama3
  double lowFrequencyFactor = 1;  // llama3
  double highFrequencyFactor = 4;
  double originalMaxPositions = 8192;
};

// cos, sin (positions, D/2), overwritten.
void fillRopeTable(View cos, View sin, const RopeParameters& parameters);

}  // namespace agl
