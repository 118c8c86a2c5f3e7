// A device that computes other numbers than the CPU is refused when it is opened.
#include "ops/self_check.h"

#include "ops/backends.h"

namespace {

using namespace agl;

Ops altered(void (*alter)(Ops&)) {
  Ops ops = *cudaOps();
  alter(ops);
  return ops;
}

// The last number of a row, moved by one unit in its last place.
void nudge(Context& ctx, View y) {
  float* last = y.f32(y.rows - 1) + y.cols - 1;
  float value = 0;
  ctx.device.copyOut(&value, last, sizeof value);
  value = std::nextafter(value, 2 * value);
  ctx.device.copyIn(last, &value, sizeof value);
}

}  // namespace

TEST("selfCheck: a device that computes as the CPU does passes, one that errs in one bit is named") {
  agl::test::onCuda([](Context& ctx) {
    CHECK(selfCheck(ctx.device, *cudaOps()).empty());
    const Ops norms = altered([](Ops& ops) {
      ops.rmsNorm.forward = [](Context& c, View y, View rstd, View x, View w, float eps) {
        cudaOps()->rmsNorm.forward(c, y, rstd, x, w, eps);
        nudge(c, y);
      };
    });
    CHECK(selfCheck(ctx.device, norms) == "norms other than the CPU's");
    const Ops products = altered([](Ops& ops) {
      ops.linear.forward = [](Context& c, View y, View x, Packed w) {
        cudaOps()->linear.forward(c, y, x, w);
        nudge(c, y);
      };
    });
    CHECK(selfCheck(ctx.device, products) == "products in float32 other than the CPU's");
    const Ops zeros = altered([](Ops& ops) {
      ops.linear.forward = [](Context& c, View y, View x, Packed w) {
        if (w.dtype == Dtype::f32) return cudaOps()->linear.forward(c, y, x, w);
        zero(c.device, y);
      };
    });
    CHECK(selfCheck(ctx.device, zeros) == "products in bf16 other than the CPU's");
    const Ops manyRows = altered([](Ops& ops) {
      ops.linear.forward = [](Context& c, View y, View x, Packed w) {
        cudaOps()->linear.forward(c, y, x, w);
        if (w.dtype == Dtype::f8 && x.rows > 64) zero(c.device, y);
      };
    });
    CHECK(selfCheck(ctx.device, manyRows) == "products of weights of one byte other than the CPU's");
    const Ops unscaled = altered([](Ops& ops) {
      ops.linear.pack = [](Context& c, Packed packed, View w) {
        cudaOps()->linear.pack(c, packed, w);
        if (packed.scales != nullptr) zero(c.device, matrix(packed.scales, 1, 1));
      };
    });
    CHECK(selfCheck(ctx.device, unscaled) == "products of weights of one byte other than the CPU's");
    const Ops noLora = altered([](Ops& ops) {
      ops.lora.forward = [](Context& c, std::span<const LoraTask> tasks) {
        if (tasks[0].a.dtype == Dtype::f32) cudaOps()->lora.forward(c, tasks);
      };
    });
    CHECK(selfCheck(ctx.device, noLora) == "LoRA in bf16 other than the CPU's");
  });
}
