// Weights packed by the operations of a context's device, in its memory. What pack must write begins as NaN.
#pragma once

#include "ops/backends.h"

namespace agl::test {

class PackedWeights {
 public:
  PackedWeights(Context& ctx, Dtype dtype, const Floats& w, std::int64_t n, std::int64_t k)
      : packed_{nullptr, n, k, dtype},
        bytes_(ctx.device, std::vector<unsigned char>(static_cast<std::size_t>(packed_.bytes()), 0xff)) {
    Apart source(n, k, w, ctx.device);
    ctx.ops.linear.pack(ctx, packed(), source.view());
  }
  Packed packed() {
    return packed_.placed(bytes_.device());
  }
  const unsigned char* bytes() { return bytes_.host().data(); }

 private:
  Packed packed_;
  Mirrored<unsigned char> bytes_;
};

}  // namespace agl::test
