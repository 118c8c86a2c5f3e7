// The sampler's passes on a CUDA device.
#include <memory>

#include "core/cuda_device.h"
#include "cuda/emulation_stream.h"
#include "engine.h"
#include "harness.h"
#include "random_model.h"

namespace agl::test {

TEST("passes: steady decoding runs one graph for each token, waits once for it, and sends no kernel's arguments again") {
  for (const Dtype compute : {Dtype::f32, Dtype::bf16}) {
    const RandomModel model({.compute = {compute, true}});
    EngineOptions options = model.options();
    const auto device = std::static_pointer_cast<CudaDevice>(options.device);
    Engine engine(options);
    Sampled sampled;
    start(engine, request(randomTokens(40, 300, 1), 3, 20, -1, 5), sampled);
    for (int step = 0; step < 4; step++) engine.sampleStep();
    const CudaCounters before = device->counters();
    const std::size_t waits = emulation::waits();
    constexpr int steps = 8;
    for (int step = 0; step < steps; step++) engine.sampleStep();
    const CudaCounters& after = device->counters();
    CHECK(after.graphLaunches - before.graphLaunches == steps);
    CHECK(after.graphsBuilt == before.graphsBuilt);
    CHECK(after.nodesUpdated == before.nodesUpdated);
    CHECK(emulation::waits() - waits == steps);
    finishAll(engine);
    CHECK(sampled.error.empty() && sampled.choices.size() == 3);
  }
}

}  // namespace agl::test
