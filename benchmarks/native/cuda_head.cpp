// The fused head on a CUDA device, by blocks of the vocabulary as train/prediction_head.cpp goes over them: log-probabilities
// and entropy of 8,192 tokens, and their gradient with respect to the hidden rows.
//   bench_cuda_head [--list] [--commit TEXT] [--loaded true|false] [--rounds N]
// teraflops counts the three products that are done: logits, logits again, the gradient. No matrix of all logits exists.
#include "cuda_measure.h"

namespace agl::bench {
namespace {

constexpr const char* kProgram = "bench_cuda_head";
constexpr std::int64_t kTokens = 8192, kHidden = 4096, kVocabulary = 131072;

struct Head {
  View hidden, dHidden, logits, stats;
  Packed weights;
  Targets targets;
  float* picked;
  const float* dTargets;  // of each target, and summed by row, which is the same with one target a row
  const float* dEntropies;
};

template <class Visit>
void eachBlock(Visit visit) {
  for (std::int64_t begin = 0; begin < kVocabulary; begin += LogSoftmax::kBlock) visit(begin, std::min(LogSoftmax::kBlock, kVocabulary - begin));
}

void forward(Context& ctx, const Head& h) {
  ctx.ops.logSoftmax.reset(ctx, h.stats);
  eachBlock([&](std::int64_t begin, std::int64_t count) {
    ctx.ops.linear.forward(ctx, h.logits, h.hidden, h.weights.slice(begin, count));
    ctx.ops.logSoftmax.accumulate(ctx, h.stats, h.logits, 1.0F);
    ctx.ops.logSoftmax.pick(ctx, h.picked, h.logits, h.targets, begin);
  });
}

void backward(Context& ctx, const Head& h) {
  ctx.device.fill(h.dHidden.data, 0, static_cast<std::size_t>(kTokens * kHidden) * 4);
  eachBlock([&](std::int64_t begin, std::int64_t count) {
    const Packed weights = h.weights.slice(begin, count);
    ctx.ops.linear.forward(ctx, h.logits, h.hidden, weights);
    ctx.ops.logSoftmax.backward(ctx, h.logits, h.logits, h.stats, h.dTargets, h.dEntropies, 1.0F);
    ctx.ops.logSoftmax.addAt(ctx, h.logits, h.dTargets, h.targets, begin, 1.0F);
    ctx.ops.linear.backwardInput(ctx, h.dHidden, h.logits, weights);
  });
}

Head prepare(Machine& machine) {
  Context& ctx = machine.context();
  Head h{};
  h.hidden = matrix(machine.floats(kTokens * kHidden), kTokens, kHidden);
  h.dHidden = matrix(machine.floats(kTokens * kHidden), kTokens, kHidden);
  h.logits = matrix(machine.floats(kTokens * LogSoftmax::kBlock), kTokens, LogSoftmax::kBlock);
  h.stats = matrix(machine.floats(kTokens * 3), kTokens, 3);
  h.weights = {nullptr, kVocabulary, kHidden, Dtype::bf16};
  h.weights.data = machine.memory(static_cast<std::size_t>(h.weights.bytes()));
  h.picked = machine.floats(kTokens);
  h.dTargets = machine.floats(kTokens);
  h.dEntropies = machine.floats(kTokens);
  std::vector<std::int32_t> rows(kTokens), tokens(kTokens);
  for (std::size_t i = 0; i < rows.size(); i++) {
    rows[i] = static_cast<std::int32_t>(i);
    tokens[i] = static_cast<std::int32_t>(i * 7919 % kVocabulary);
  }
  machine.device().beginStage();
  h.targets = {staged(ctx.device, std::span<const std::int32_t>(rows)).data(),
               staged(ctx.device, std::span<const std::int32_t>(tokens)).data(), kTokens};
  if (!machine.failure().empty()) return h;
  // A block at a time: the weights in f32 would take twice their room.
  eachBlock([&](std::int64_t begin, std::int64_t count) {
    ctx.ops.linear.pack(ctx, h.weights.slice(begin, count), matrix(h.hidden.f32(), count, kHidden));
  });
  return h;
}

// Statistics of the last row: a maximum, sums of positive numbers.
bool isRight(Machine& machine, const Head& h) {
  float stats[3] = {};
  machine.device().copyOut(stats, h.stats.f32(kTokens - 1), sizeof stats);
  return std::isfinite(stats[0]) && stats[1] >= 1 && stats[1] <= static_cast<float>(kVocabulary) && std::isfinite(stats[2]);
}

int run(const Arguments& arguments, bool list) {
  char shape[128];
  std::snprintf(shape, sizeof shape, "{\"op\":\"forward and backward\",\"tokens\":%lld,\"hidden\":%lld,\"vocabulary\":%lld}",
                static_cast<long long>(kTokens), static_cast<long long>(kHidden), static_cast<long long>(kVocabulary));
  std::vector<DeviceCase> cases{{.subject = "cuda head", .shape = shape}};
  cases[0].flops = 3 * 2.0 * static_cast<double>(kTokens) * static_cast<double>(kHidden) * static_cast<double>(kVocabulary);
  if (list) return listCases(cases);
  if (cudaOps()->logSoftmax.backward == nullptr) return refuse(kProgram, "not run: this build has no log-softmax on CUDA");
  Machine machine(linearCudaScratchBytes(Dtype::bf16, kTokens, LogSoftmax::kBlock, kHidden));
  if (!machine.failure().empty()) return refuse(kProgram, machine.failure());
  const Head h = prepare(machine);
  Context& ctx = machine.context();
  cases[0].call = [&] {
    forward(ctx, h);
    backward(ctx, h);
  };
  cases[0].isRight = [&] { return isRight(machine, h); };
  return measureCases(kProgram, arguments, machine, cases);
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) { return agl::bench::runProgram("bench_cuda_head", argc, argv, agl::bench::run); }
