#include "ops/activation/swiglu.h"

#include "ops/kernels.h"

namespace agl {

namespace {

// Elements a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainElements = 16 * 1024;

std::int64_t rowGrain(std::int64_t cols) { return (kGrainElements + cols - 1) / cols; }

void forward(Context& context, View y, View gate, View up) {
  context.pool.run(y.rows, rowGrain(y.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      context.kernels.swiglu.forward(y.f32(r), gate.f32(r), up.f32(r), y.cols);
    }
  });
}

void backward(Context& context, View dgate, View dup, View dy, View gate, View up) {
  context.pool.run(dy.rows, rowGrain(dy.cols), [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      context.kernels.swiglu.backward(dgate.f32(r), dup.f32(r), dy.f32(r), gate.f32(r), up.f32(r), dy.cols);
    }
  });
}

}  // namespace

const Swiglu kCpuSwiglu = {forward, backward};

}  // namespace agl
