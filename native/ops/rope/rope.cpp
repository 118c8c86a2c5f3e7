#include "ops/rope/rope.h"

#include "ops/kernels.h"

namespace agl {

namespace {

// Elements a worker must have to be woken for: about 30 us of work.
constexpr std::int64_t kGrainElements = 128 * 1024;

void rotate(Context& context, View x, View cos, View sin, const std::int32_t* positions, std::int64_t headSize,
            float sign) {
  const std::int64_t grain = (kGrainElements + x.cols - 1) / x.cols;
  context.pool.run(x.rows, grain, [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; r++) {
      context.kernels.rope.rotate(x.f32(r), cos.f32(positions[r]), sin.f32(positions[r]), x.cols / headSize, headSize,
                                  sign);
    }
  });
}

void forward(Context& context, View x, View cos, View sin, const std::int32_t* positions, std::int64_t headSize) {
  rotate(context, x, cos, sin, positions, headSize, 1.0F);
}

void backward(Context& context, View dx, View cos, View sin, const std::int32_t* positions, std::int64_t headSize) {
  rotate(context, dx, cos, sin, positions, headSize, -1.0F);
}

}  // namespace

const Rope kCpuRope = {forward, backward};

}  // namespace agl
