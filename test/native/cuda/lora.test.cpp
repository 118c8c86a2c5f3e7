// Groups of LoRA tasks on machines that only emulation offers: devices of either kind, and warps in any order.
#define AGL_CUDA_EMULATED
#include "core/cuda.h"
#include "cuda/on_device.h"
#include "ops/lora/lora_groups.h"

namespace agl::test {

TEST("lora on CUDA: on either kind of device, in any order of the warps, a group has the bits of its tasks' products") {
  for (const int major : {8, 9}) {
    emulation::setMachine({.major = major});
    onCuda([](Context& ctx) {
      for (const std::size_t g : {1, 3}) {
        for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
          LoraProblem problem(ctx, dtype, loraGroups()[g]);
          problem.run(runComposed);
          const std::vector<Floats> expected = problem.rowsOf();
          for (const std::uint64_t seed : {0, 1, 2}) {
            emulation::setOrderSeed(seed);
            problem.run(runGrouped);
            for (std::size_t i = 0; i < expected.size(); i++) CHECK(sameNumbers(problem.rowsOf()[i], expected[i]));
          }
          emulation::setOrderSeed(0);
        }
      }
    });
  }
  emulation::setMachine({});
}

TEST("lora on CUDA: a group is two launches, however many tasks it has, and asks for no workspace") {
  onCuda([](Context& ctx) {
    for (const LoraGroup& group : loraGroups()) {
      LoraProblem problem(ctx, Dtype::bf16, group);
      problem.run([](Context& on, std::span<const LoraTask> tasks) {
        std::int64_t rows = 0;
        for (const LoraTask& task : tasks) rows += task.x.rows;
        const std::int64_t before = cudaDevice(on).counters().launches;
        on.ops.lora.forward(on, tasks);
        CHECK(cudaDevice(on).counters().launches - before == (rows == 0 ? 0 : 2));
      });
    }
  }, 0);
}

}  // namespace agl::test
