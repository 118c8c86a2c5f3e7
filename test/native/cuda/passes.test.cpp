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

TEST("passes: adapters add eight kernels a layer to a token, however many they are, and steady decoding sends none of them again") {
  constexpr int sequences = 3, steps = 2;
  const RandomModel model({.hidden = 32, .heads = 2, .kvHeads = 1, .intermediate = 48, .vocabulary = 64, .contextLength = 64,
                           .compute = {Dtype::bf16, true}});
  std::int64_t without = 0;
  for (const int adapters : {0, 1, 3}) {
    EngineOptions options = model.options();
    const auto device = std::static_pointer_cast<CudaDevice>(options.device);
    Engine engine(options);
    for (int i = 0; i < adapters; i++) engine.addAdapter(model.targets(3 + i, 0.5F), {}, 1);
    std::vector<Sampled> sampled(sequences);
    for (int i = 0; i < sequences; i++) {
      start(engine, request(randomTokens(9, 64, 1), 1, 6, adapters == 0 ? -1 : i % adapters, 5), sampled[static_cast<std::size_t>(i)]);
    }
    for (int step = 0; step < 3; step++) engine.sampleStep();
    const CudaCounters before = device->counters();
    for (int step = 0; step < steps; step++) engine.sampleStep();
    const CudaCounters& after = device->counters();
    const std::int64_t launches = after.launches - before.launches;
    if (adapters == 0) without = launches;
    CHECK(launches == without + (adapters == 0 ? 0 : 8 * steps * options.model.layers));
    CHECK(after.graphLaunches - before.graphLaunches == steps);
    CHECK(after.nodesUpdated == before.nodesUpdated);
    finishAll(engine);
    for (const Sampled& each : sampled) CHECK(each.error.empty());
  }
}

}  // namespace agl::test
